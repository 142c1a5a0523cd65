"""GPUs are shared among jobs one by one, and their failures are sentences."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from ncst.core import cards, devices
from ncst.core.devices import check_gpus, gpu_failure
from ncst.core.job import job
from ncst.errors import NcstError

HOLDER = """
import os, sys
from ncst.core import cards
from ncst.errors import NcstError
try:
    cards.claim(int(sys.argv[1]), sys.argv[2].split(","))
except NcstError as error:
    print(f"refused: {error}", flush=True)
else:
    print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def job_on(tmp_path, monkeypatch):
    """Return a function that starts a process which takes cards, and returns it and the line that it prints."""
    for name in (cards.OWNED, cards.VISIBLE, "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    started = []

    def start(count, names="0,1", **variables):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(count), names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | variables,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_every_job_has_cards_of_its_own(job_on):
    (first, one), (_, two) = job_on(1), job_on(1)
    assert [one, two] == ["0", "1"]
    refused = job_on(1)[1]
    assert refused.startswith("refused: This job needs 1 of 2 GPUs, but other jobs hold 2 (processes ")
    assert str(first.pid) in refused and "--resources gpu=2" in refused
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert job_on(1)[1] == "0"
    assert job_on(2, "0,1,GPU-a/b,3")[1] == "GPU-a/b,3"


def test_a_refused_job_keeps_no_card(job_on):
    holder, _ = job_on(1, "1")
    assert job_on(2)[1].startswith("refused: ")
    assert job_on(1, "0")[1] == "0"
    holder.communicate("")
    assert job_on(1, "1")[1] == "1"


def test_processes_of_one_job_share_its_cards(job_on):
    _, one = job_on(1)
    assert job_on(1, one, NCST_CARDS=one, CUDA_VISIBLE_DEVICES=one)[1] == one


def test_jobs_of_slurm_do_not_compete(job_on):
    assert [job_on(1, "0", SLURM_JOB_ID=number)[1] for number in ("7", "8")] == ["0", "0"]
    assert job_on(1, "0", SLURM_JOB_ID="8")[1].startswith("refused: ")


@pytest.mark.parametrize(
    ("value", "expected"), [(None, []), ("", []), ("2,GPU-5", ["2", "GPU-5"]), ("1, -1,2", ["1"]), ("-1", [])]
)
def test_cards_of_the_environment(value, expected, monkeypatch):
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    if value is not None:
        monkeypatch.setenv(cards.VISIBLE, value)
    assert cards.visible() == expected


def test_more_cards_than_there_are(job_on):
    assert job_on(3)[1] == "refused: 3 GPUs are asked for, but PyTorch finds 2: lower `gpu`."


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv(cards.OWNED, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "ncst-gpu-12345").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(NcstError, match="belongs to another user"):
        cards.claim(1, ["0"])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_run_is_told_of_missing_gpus_at_its_start():
    check_gpus(0, 1)
    with pytest.raises(NcstError, match="`gpu: 2` wants more cards than all jobs may take: add `--resources gpu=2`"):
        check_gpus(2, 1)
    with pytest.raises(
        NcstError, match=r"no GPU that PyTorch can use: set `gpu: 0`, or mend .*\(Found no NVIDIA driver"
    ):
        check_gpus(1, None)


def test_a_run_is_told_of_too_few_gpus(monkeypatch):
    monkeypatch.setattr(devices, "LOOK", "print(2)")
    for gpu, limit in ((1, 1), (2, 2), (2, None)):
        check_gpus(gpu, limit)
    for gpu, limit in ((1, 3), (3, None)):
        with pytest.raises(NcstError, match="finds 2 GPUs here, but jobs may take 3: set `--resources gpu=2`"):
            check_gpus(gpu, limit)


FAILURES = [
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "memory is full"),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "memory is full"),
    (torch.AcceleratorError("CUDA error: device lost\nCompile with `TORCH_USE_CUDA_DSA`"), "lost in the middle"),
    (RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"), "held by another program"),
    (RuntimeError("CUDA error: no kernel image is available for execution on the device"), "not built for this GPU"),
    (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "lost in the middle"),
]


@pytest.mark.parametrize(("error", "said"), FAILURES)
def test_failures_of_a_gpu_are_sentences(error, said, tmp_path):
    snakemake = SimpleNamespace(log=[tmp_path / "log"], rule="resynthesize")
    with pytest.raises(SystemExit) as raised, job(snakemake):
        raise error
    sentence = str(raised.value)
    assert sentence.startswith("error in resynthesize: The GPU") or "PyTorch was not built" in sentence
    assert said in sentence and "\n" not in sentence and sentence.endswith(".")


def test_other_errors_are_not_of_a_gpu():
    for error in (RuntimeError("shape mismatch"), ValueError("CUDA error"), KeyError("x")):
        assert gpu_failure(error) is None
