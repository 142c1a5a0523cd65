"""The training loop on Lightning; imported only when training starts, because Lightning takes seconds to import."""

import io
import json
import logging
import shutil
import time

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch.multiprocessing import ProcessRaisedException
from torch.utils.tensorboard import SummaryWriter

from ncst.core.devices import device_of
from ncst.core.files import atomic
from ncst.core.job import LOG_FORMAT
from ncst.core.seeds import seed_of
from ncst.errors import NcstError
from ncst.tracing.batches import loader, share
from ncst.tracing.graphed import GraphedLoss
from ncst.tracing.loss import objective_of
from ncst.tracing.models._base import import_checkpoint
from ncst.tracing.progress import TrainingProgress, log
from ncst.tracing.recipe import learning_rate, make_optimizer

SUMS = "train", "loss", "right"
DEV = {"loss": "loss", "acc": "right"}
CHECK = 100  # steps after which the sum of losses is looked at, for which the GPU is waited for
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class Run(pl.LightningModule):
    """A network in training, with the best weights so far and a state file after every epoch.

    Learning rate, order, crops and dropout of an epoch depend on its number and the seed alone, so a resumed run needs
    no more than network, optimizer and history.
    """

    def __init__(self, network, facts, sets, checkpoint, workers):
        super().__init__()
        self.network = network
        self.recipe = facts["training"]
        self.names = facts["seed"], facts["name"]
        self.identity = json.dumps(facts, sort_keys=True)
        self.sets = sets
        self.checkpoint = checkpoint
        self.workers = workers
        self.objective = objective_of(facts, sets[0].targets)
        self.curves = []
        self.best_epoch = None
        self.best_state = None
        self.resumed = self.progress = self.board = self.log_file = self.loss = None

    def resume(self):
        """Take up the state file of the same experiment, if there is one, and remove half-written ones.

        Raises
        ------
        NcstError
            If it is damaged.
        """
        for unfinished in self.checkpoint.parent.glob(f".{self.checkpoint.name}.*"):
            unfinished.unlink()
        if not self.checkpoint.is_file():
            return
        try:
            state = torch.load(self.checkpoint, "cpu", weights_only=True)
            identity = state["identity"]
        except Exception as error:  # pickle, zip and PyTorch errors have no common base
            raise NcstError(f"{self.checkpoint} is damaged: delete it to train from the beginning.") from error
        if identity != self.identity:
            log.info("%s belongs to another experiment: starting from the beginning", self.checkpoint)
            return
        self.network.load_state_dict(state["network"])
        self.resumed = state
        self.best_epoch, self.best_state, self.curves = state["best_epoch"], state["best_state"], state["curves"]
        log.info("at the state after epoch %d", self.epoch)

    def adopt(self, checkpoint, device):
        """Take the weights of a published *checkpoint* instead of training."""
        import_checkpoint(checkpoint, self.network)
        self._judge(device)

    def remember(self, device):
        """Hand the training clips, in order, to a network that needs no training."""
        batches = self.to(device)._batches(0, self.sets[0].in_order(self.recipe["batch"]))
        self.network.remember((features.to(device), targets.to(device)) for features, targets in batches)
        self._judge(device)

    def _judge(self, device):
        """Make the development loss of a network without training its curves."""
        self.eval().to(device)
        self._clear_sums()
        with torch.inference_mode():
            for features, targets in self.val_dataloader():
                self.validation_step((features.to(device), targets.to(device)), 0)
        self.curves = [{"epoch": 0, "train_loss": None, **self._dev_row(), "lr": None, "seconds": None}]
        self.best_epoch, self.best_state = 0, self.network.state_dict()

    def fit(self, device, devices=1):
        """Run the epochs that are left; on several *devices*, each in a process of its own that takes its share.

        Gradients are averaged over the processes, batch norms over GPUs; every process computes the whole development
        loss.
        """
        if self.epoch == self.recipe["epochs"]:
            return
        files = [h.baseFilename for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)]
        self.log_file = files[0] if files else None
        trainer = pl.Trainer(
            accelerator="cpu" if device == "cpu" else "gpu",
            devices=devices,
            strategy="auto" if devices == 1 else DDPStrategy(start_method="spawn", find_unused_parameters=True),
            sync_batchnorm=devices > 1 and device != "cpu",
            plugins=[LightningEnvironment()],  # its processes are its own, also within a job of SLURM
            use_distributed_sampler=False,
            precision=PRECISIONS[self.recipe["precision"]],
            max_epochs=self.recipe["epochs"] - self.epoch,
            gradient_clip_val=self.recipe["clip_grad"],
            deterministic=True if device == "cpu" else "warn" if self.recipe["deterministic"] else False,
            benchmark=not (device == "cpu" or self.recipe["deterministic"]),
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        try:
            trainer.fit(self)
        except ProcessRaisedException as error:
            last = str(error).strip().splitlines()[-1]
            raise NcstError(last.partition(": ")[2]) if "NcstError: " in last else error from error
        except torch.OutOfMemoryError as error:
            raise NcstError(
                f"The GPU has no memory left for a batch of {self.recipe['batch']} clips of {self.names[1]}: see that "
                "nothing else runs on it, or set `precision: bf16` or a smaller `batch` in the model's `training`."
            ) from error
        finally:
            self.on_fit_end()
        if devices > 1:
            self.resume()

    def configure_optimizers(self):
        """Return the optimizer, in its saved state after an interruption."""
        optimizer = make_optimizer(self.network, self.recipe, self.device)
        if self.resumed:
            optimizer.load_state_dict(self.resumed["optimizer"])
        return optimizer

    def on_fit_start(self):
        """Open what shows the progress, compile the network and restore the scale of fp16 losses."""
        device_of(self.device.type)  # in every process of several
        if self.trainer.is_global_zero:
            if self.log_file and not logging.getLogger().handlers:
                logging.basicConfig(filename=self.log_file, level=logging.INFO, format=LOG_FORMAT)
            boards = self.checkpoint.parent / "tensorboard"
            if not self.curves:
                shutil.rmtree(boards, ignore_errors=True)
            clips = len(self.sets[0])
            self.board = SummaryWriter(boards, purge_step=self.epoch + 1)
            self.progress = TrainingProgress(self.names[1], clips * self.epoch, clips * self.recipe["epochs"])
        if self.recipe["compile"]:
            self.network.compile(backend=self.recipe["compile"])
        self.loss = GraphedLoss(self.network, self.objective)
        if self.device.type == "cuda":
            self._hold()
            if self.trainer.world_size == 1:
                self._record()
        if self.resumed:
            self.trainer.precision_plugin.load_state_dict(self.resumed["precision"])

    def on_fit_end(self):
        """Close what shows the progress, and give the GPU's memory back."""
        self.loss = None
        for clips in self.sets:
            clips.held = None
        for shown in (self.progress, self.board):
            if shown:
                shown.close()

    @property
    def epoch(self):
        """The epoch that is running, counted from 0 over all attempts."""
        return len(self.curves)

    def train_dataloader(self):
        """Return this process's share of the shuffled batches of the running epoch."""
        keys = self.sets[0].shuffled(self.recipe["batch"], *self.names, "order", self.epoch)
        keys = [share(key, self.global_rank, self.trainer.world_size) for key in keys]
        return self._batches(0, keys)

    def val_dataloader(self):
        """Return the development batches in order."""
        return self._batches(1, self.sets[1].in_order(self.recipe["batch"]))

    def _batches(self, place, keys):
        return loader(self.sets[place], keys, self.workers, in_advance=self.device.type == "cuda")

    def _hold(self):
        """Keep the clips on the GPU as far as they fit."""
        for name, clips in zip(("training", "development"), self.sets):
            if clips.fits(self.device):
                clips.hold(self.device)
                log.info("%s clips are held on the GPU: %.1f GB", name, clips.held.nbytes / 1e9)

    def _record(self):
        """Record a CUDA graph of a whole batch, here where no thread reads yet."""
        targets = torch.tensor(self.sets[0].targets[: self.recipe["batch"]], device=self.device)
        features = torch.rand(len(targets), *self.sets[0].shape, device=self.device)
        with self.trainer.precision_plugin.forward_context():
            self.loss.record(features, targets)

    def on_train_epoch_start(self):
        """Set everything that the epoch's number decides."""
        self.rate = learning_rate(self.recipe, self.epoch)
        for group in self.optimizers().param_groups:
            group["lr"] = self.rate
        self.started = time.perf_counter()
        self._clear_sums()

    def training_step(self, batch, number):
        """Return the loss of batch *number* of the running epoch."""
        features, targets = batch
        rank = [self.global_rank] if self.global_rank else []
        _seed(seed_of(*self.names, "dropout", self.epoch, number, *rank), self.device)
        loss = self.loss(features, targets)
        self._add("train", loss.detach(), len(targets))
        self.seen += len(targets)
        if (number + 1) % CHECK == 0:
            self._check("train")
        if self.progress:
            self.progress.advance(len(targets) * self.trainer.world_size)
        return loss

    def validation_step(self, batch, _):
        """Add up loss and right answers of a development batch."""
        features, targets = batch
        logits = self.network(features)[1].float()
        self._add("loss", self.objective(logits, targets), len(targets))
        self._add("right", self.objective.right(logits, targets))

    def _clear_sums(self):
        self.seen = 0
        self.sums = {key: torch.zeros((), dtype=torch.float64, device=self.device) for key in SUMS}

    def _add(self, key, value, times=1):
        """Add to a sum without waiting for the device."""
        self.sums[key].add_(value, alpha=times)

    def _check(self, key):
        if not self.sums[key].isfinite():
            raise NcstError("The loss is not a number: lower `lr` or set `clip_grad` in the model's `training`.")

    def _dev_row(self):
        self._check("loss")
        return {"dev_" + name: (self.sums[key] / len(self.sets[1])).item() for name, key in DEV.items()}

    def on_train_epoch_end(self):
        """Note the epoch, keep the best weights, and save the state."""
        clips = len(self.sets[0])
        self._check("train")
        seconds = time.perf_counter() - self.started
        sums = self.sums["train"], torch.full_like(self.sums["train"], self.seen)
        train, seen = (self.trainer.strategy.reduce(value, reduce_op="sum") for value in sums)
        row = {
            "epoch": self.epoch + 1,
            "train_loss": (train / seen).item(),
            **self._dev_row(),
            "lr": self.rate,
            "seconds": round(seconds, 3),
        }
        self.curves.append(row)
        if self.best_epoch is None or row["dev_loss"] < self.curves[self.best_epoch]["dev_loss"]:
            self.best_epoch = len(self.curves) - 1
            self.best_state = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
        if not self.trainer.is_global_zero:
            return
        self._save()
        for key, value in row.items():
            self.board.add_scalar(key, value, row["epoch"])
        shown = f"train loss {row['train_loss']:.4f}, dev loss {row['dev_loss']:.4f}, dev accuracy {row['dev_acc']:.4f}"
        self.progress.say(f"epoch {row['epoch']}/{self.recipe['epochs']}: {shown}, {clips / seconds:.1f} clips/s")

    def _save(self):
        state = {
            "identity": self.identity,
            "network": self.network.state_dict(),
            "optimizer": self.optimizers().optimizer.state_dict(),
            "precision": self.trainer.precision_plugin.state_dict(),
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
            "curves": self.curves,
        }
        content = io.BytesIO()
        torch.save(state, content)
        with atomic(self.checkpoint) as temporary:
            temporary.write_bytes(content.getbuffer())


def _seed(seed, device):
    """Seed the generators of the CPU and of *device*; `torch.manual_seed` spends a millisecond on those of others."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
