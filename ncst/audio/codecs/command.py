"""A codec that is only a command line, or one that libsndfile has built in: an entry in the YAML is all it takes."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch

from ncst.audio.codecs._base import Base
from ncst.core.waveforms import UnusableAudio, read_audio, resample
from ncst.errors import NcstError
from ncst.plan.command_codecs import command_problems

SETTINGS = (
    "soundfile",
    "command",
    "encode",
    "decode",
    "sample_rate",
    "bitrate",
    "raw",
    "suffix",
    "delay",
    "timeout",
    "install",
)
CEILING = 1 - 2**-15


class Command(Base):
    """Codecs outside this project, chosen by the entry's ``settings``.

    Exactly one of three kinds:

    - ``soundfile: {format: OGG, subtype: OPUS, compression_level: 0.96}``: libsndfile writes and reads the file, no
      tool needed. The keys are arguments of `soundfile.write`.
    - ``command: [tool, "{input}", "{output}"]``: one command from a WAV file to an audio file.
    - ``encode: [...]`` and ``decode: [...]``: two commands, through a coded file ``{output}`` of the first that is the
      ``{input}`` of the second.

    Commands are lists of arguments, run without a shell in an empty temporary folder. ``{input}``, ``{output}``,
    ``{bitrate}``, ``{sample_rate}`` and ``{root}`` (the folder the program was started in, for scripts of one's own)
    are replaced inside arguments. Input is 16-bit mono WAV; output is any audio file that libsndfile reads. With
    ``raw: true`` both are samples without a header: 16-bit little-endian, mono, at ``sample_rate``.

    Further settings: ``sample_rate`` of the input in Hz (16000), ``bitrate`` (for ``{bitrate}``), ``suffix`` of the
    coded file (``.bin``), ``delay`` in samples at ``sample_rate`` that is removed (0: a tool's own delay is kept),
    ``timeout`` of one command in s (60), ``install`` (what to install when the tool is missing; by default its name).

    Raises
    ------
    NcstError
        If the settings are wrong, a tool is missing, fails, is too slow, or writes nothing readable.
    """

    needs_weights = False
    batches = False

    def __init__(self, entry, weights=None, device="cpu"):
        super().__init__(entry, weights, device)
        self.title = entry.get("title", "command")
        if unknown := sorted(self.settings.keys() - {*SETTINGS}):
            raise NcstError(f"{self.title}: `settings` may have {sorted(SETTINGS)}, not {unknown}.")
        for key, said in command_problems(self.settings):
            raise NcstError(f"{self.title}: `{'.'.join(filter(None, ('settings', key)))}`: {said}.")
        self.sample_rate = self.settings.get("sample_rate", self.sample_rate)
        self.delay = self.settings.get("delay", 0)
        self._pass = self._through_libsndfile if "soundfile" in self.settings else self._through_commands

    def forward(self, audio):
        """Return (1, T') audio for one clip *audio* (1, T), both at `sample_rate`."""
        samples = np.pad(np.clip(audio[0].cpu().numpy(), -1, CEILING), (0, self.delay))
        with tempfile.TemporaryDirectory(prefix="ncst-") as folder:
            try:
                decoded, rate = self._read(self._pass(samples, Path(folder)))
            except UnusableAudio as error:
                raise NcstError(f"{self.title}: what the codec wrote cannot be used ({error}).") from error
        return torch.from_numpy(resample(decoded, rate, self.sample_rate)[self.delay :])[None]

    def _read(self, path):
        if not self.settings.get("raw"):
            return read_audio(path)
        if path.stat().st_size % 2 or not path.stat().st_size:
            raise UnusableAudio(f"{path.stat().st_size} bytes are no 16-bit samples")
        return np.fromfile(path, "<i2").astype(np.float32) / 2**15, self.sample_rate

    def _through_libsndfile(self, samples, folder):
        options = self.settings["soundfile"]
        try:
            soundfile.write(folder / "coded", samples, self.sample_rate, **options)
        except (soundfile.LibsndfileError, ValueError, TypeError) as error:
            reason = str(error).split(" : ")[-1]
            raise NcstError(
                f"{self.title}: libsndfile {soundfile.__libsndfile_version__} cannot write {options} at"
                f" {self.sample_rate} Hz ({reason}); correct the settings or update the package soundfile."
            ) from error
        return folder / "coded"

    def _through_commands(self, samples, folder):
        audio = ".raw" if self.settings.get("raw") else ".wav"
        current = folder / f"input{audio}"
        container = {"format": "RAW", "endian": "LITTLE"} if audio == ".raw" else {}
        soundfile.write(current, samples, self.sample_rate, subtype="PCM_16", **container)
        steps = {"command": audio, "encode": self.settings.get("suffix", ".bin"), "decode": audio}
        for step, suffix in steps.items():
            if step in self.settings:
                output = folder / f"{step}d{suffix}"
                self._run(self._arguments(self.settings[step], current, output), folder)
                if not output.is_file():
                    raise NcstError(f"{self.title}: `{self.settings[step][0]}` wrote no {{output}} file.")
                current = output
        return current

    def _arguments(self, template, source, output):
        values = {
            "input": str(source),
            "output": str(output),
            "root": str(Path.cwd()),
            "sample_rate": str(self.sample_rate),
            "bitrate": str(self.settings.get("bitrate")),
        }
        arguments = [re.sub(r"\{(\w+)\}", lambda match: values[match[1]], str(part)) for part in template]
        tool = shutil.which(arguments[0])
        if tool is None:
            needed = self.settings.get("install", arguments[0])
            raise NcstError(f"{self.title}: {arguments[0]!r} is not on the PATH; install {needed}.")
        return [str(Path(tool).absolute()), *arguments[1:]]

    def _run(self, arguments, folder):
        shown, timeout = " ".join(arguments), self.settings.get("timeout", 60)
        with (folder / "stderr").open("w+b") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": log}
            process = subprocess.Popen(arguments, cwd=folder, start_new_session=True, **streams)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired as error:
                raise NcstError(f"{self.title}: `{shown}` took longer than {timeout} s; raise `timeout`.") from error
            finally:
                if process.poll() is None:
                    _kill(process)
            log.seek(0)
            lines = log.read().decode(errors="replace").split("\n")
        if code:
            last = next((line.strip() for line in reversed(lines) if line.strip()), "no message")
            raise NcstError(f"{self.title}: `{shown}` failed with exit code {code}: {last}")


def _kill(process):
    """End *process* and what it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
