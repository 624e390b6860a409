"""The threads of a worker. The one that was free last serves next, so that calls which do not overlap share a thread:
some libraries bind what they make to the thread that made it."""

import threading
from collections import deque

MOST = 16
_PREFIX = "librebird-call-"


class Threads:
    def __init__(self, serve):
        self._serve = serve
        self._changed = threading.Condition()
        self._idle = []
        self._waiting = deque()
        self._count = 0
        self._busy = 0

    def submit(self, job):
        with self._changed:
            self._busy += 1
            self._waiting.append(job)
            if self._idle:
                self._idle.pop().release()
            elif self._count < MOST:
                self._count += 1
                threading.Thread(target=self._run, name=f"{_PREFIX}{self._count}", daemon=True).start()

    def finish(self):
        """Waits for the calls that are being served."""
        with self._changed:
            self._changed.wait_for(lambda: self._busy == 0)

    def _run(self):
        turn = threading.Lock()
        turn.acquire()
        while True:
            with self._changed:
                job = self._waiting.popleft() if self._waiting else None
                if job is None:
                    self._idle.append(turn)
            if job is None:
                turn.acquire()
                continue
            answer = self._serve(job)
            with self._changed:
                more = bool(self._waiting)
                if not more:
                    # Free before the answer is out: whoever asks next, because of it, gets this thread.
                    self._idle.append(turn)
            answer()
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
            if not more:
                turn.acquire()


def background_threads():
    """How many threads the skill itself keeps going: timers, monitors."""
    return sum(
        1
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and not isinstance(thread, threading._DummyThread)
        and not thread.name.startswith(("librebird-", "asyncio_", "ThreadPoolExecutor"))
    )
