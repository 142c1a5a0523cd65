"""How far a training is: a bar on a terminal, a line a minute in the log elsewhere."""

import logging
import time
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

log = logging.getLogger("ncst.tracing.train")
EVERY = 60.0


class TrainingProgress:
    """Clips done out of *total*, clips per second of this attempt, time left, until it is closed."""

    def __init__(self, title, done, total):
        self.done, self.total = done, total
        self.first = done
        self.began = self.logged = time.monotonic()
        self.console = Console(stderr=True)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rest]}")
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal)
        self.task = self.bar.add_task(title, total=total, completed=done, rest="")
        self.bar.start()

    def close(self):
        """Leave the terminal as it was."""
        self.bar.stop()

    def advance(self, clips):
        """Count *clips* more; log a line if the last one is a minute old."""
        self.done += clips
        self.bar.update(self.task, completed=self.done, rest=self.rest())
        if time.monotonic() - self.logged >= EVERY:
            self.logged = time.monotonic()
            log.info("%s", f"{self.done:,} of {self.total:,} clips, {self.rest()}")

    def rest(self):
        """Return speed and time left as text."""
        rate = (self.done - self.first) / max(time.monotonic() - self.began, 1e-9)
        left = timedelta(seconds=round((self.total - self.done) / rate)) if rate else "unknown time"
        return f"{rate:.0f} clips/s, {left} left"

    def say(self, text):
        """Log *text*, and print it above the bar on a terminal."""
        log.info("%s", text)
        if self.console.is_terminal:
            self.console.print(text, highlight=False)
