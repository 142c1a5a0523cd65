"""The training loop on Lightning; imported only when training starts, because Lightning takes seconds to import."""

import json
import time

import lightning.pytorch as pl
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ncst._batches import loader
from ncst._objectives import objective_of
from ncst.files import atomic
from ncst.seeds import seed_of
from ncst.training import learning_rate, make_optimizer


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
        self.optimizer_state = None
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")
        self.progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
        self.task = self.progress.add_task(facts["name"], total=len(sets[0]) * self.recipe["epochs"], rate="")

    def resume(self):
        """Take up the state file of the same experiment, if there is one."""
        if not self.checkpoint.is_file():
            return
        state = torch.load(self.checkpoint, "cpu", weights_only=True)
        if state["identity"] != self.identity:
            self._say(f"{self.checkpoint} belongs to another experiment: starting from the beginning")
            return
        self.network.load_state_dict(state["network"])
        self.optimizer_state = state["optimizer"]
        self.best_epoch, self.best_state, self.curves = state["best_epoch"], state["best_state"], state["curves"]
        self.progress.update(self.task, completed=len(self.sets[0]) * self.epoch)
        self._say(f"resuming after epoch {self.epoch}")

    def fit(self, device):
        """Run the epochs that are left, on one device."""
        if self.epoch == self.recipe["epochs"]:
            return
        trainer = pl.Trainer(
            accelerator="cpu" if device == "cpu" else "gpu",
            devices=1,
            max_epochs=self.recipe["epochs"] - self.epoch,
            gradient_clip_val=self.recipe["clip_grad"],
            deterministic=True if device == "cpu" else "warn",
            reload_dataloaders_every_n_epochs=1,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        with self.progress:
            trainer.fit(self)

    def configure_optimizers(self):
        """Return the optimizer, in its saved state after an interruption."""
        optimizer = make_optimizer(self.network, self.recipe)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
        return optimizer

    @property
    def epoch(self):
        """The epoch that is running, counted from 0 over all attempts."""
        return len(self.curves)

    def train_dataloader(self):
        """Return the shuffled batches of the running epoch."""
        keys = self.sets[0].shuffled(self.recipe["batch"], *self.names, "order", self.epoch)
        return loader(self.sets[0], keys, self.workers)

    def val_dataloader(self):
        """Return the development batches in order."""
        return loader(self.sets[1], self.sets[1].in_order(self.recipe["batch"]), self.workers)

    def on_train_epoch_start(self):
        """Set everything that the epoch's number decides."""
        self.rate = learning_rate(self.recipe, self.epoch)
        for group in self.optimizers().param_groups:
            group["lr"] = self.rate
        self.started = time.perf_counter()
        self.sums = dict.fromkeys(("train", "loss", "right"), 0.0)
        self.seen = 0

    def training_step(self, batch, number):
        """Return the loss of batch *number* of the running epoch."""
        features, targets = batch
        torch.manual_seed(seed_of(*self.names, "dropout", self.epoch, number))
        loss = self.objective(self.network(features)[1], targets)
        self.sums["train"] += loss.item() * len(targets)
        self.seen += len(targets)
        rate = f"{self.seen / (time.perf_counter() - self.started):.0f} clips/s"
        self.progress.update(self.task, advance=len(targets), rate=rate)
        return loss

    def validation_step(self, batch, _):
        """Add up loss and right answers of a development batch."""
        features, targets = batch
        logits = self.network(features)[1]
        self.sums["loss"] += self.objective(logits, targets).item() * len(targets)
        self.sums["right"] += self.objective.right(logits, targets).item()

    def on_train_epoch_end(self):
        """Note the epoch, keep the best weights, and save the state."""
        clips, dev = len(self.sets[0]), len(self.sets[1])
        seconds = time.perf_counter() - self.started
        row = {
            "epoch": self.epoch + 1,
            "train_loss": self.sums["train"] / clips,
            "dev_loss": self.sums["loss"] / dev,
            "dev_acc": self.sums["right"] / dev,
            "lr": self.rate,
            "seconds": round(seconds, 3),
        }
        self.curves.append(row)
        if self.best_epoch is None or row["dev_loss"] < self.curves[self.best_epoch]["dev_loss"]:
            self.best_epoch = len(self.curves) - 1
            self.best_state = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
        self._save()
        shown = f"train loss {row['train_loss']:.4f}, dev loss {row['dev_loss']:.4f}, dev accuracy {row['dev_acc']:.4f}"
        self._say(f"epoch {row['epoch']}/{self.recipe['epochs']}: {shown}, {clips / seconds:.1f} clips/s")

    def _save(self):
        with atomic(self.checkpoint) as temporary:
            torch.save(
                {
                    "identity": self.identity,
                    "network": self.network.state_dict(),
                    "optimizer": self.optimizers().optimizer.state_dict(),
                    "best_epoch": self.best_epoch,
                    "best_state": self.best_state,
                    "curves": self.curves,
                },
                temporary,
            )

    def _say(self, text):
        self.progress.console.print(text, highlight=False)
