"""The old host module `notifications`: reminders that reach the user as notifications. They are kept in the user's data
folder, so a restart of the worker does not lose them; one whose time came meanwhile is said at once."""

import heapq
import json
import os
import threading
import time
import uuid
from datetime import datetime

from librebird import _call

_TITLE = "🕊️ Libre Bird Reminder"
_MOST = 1000


class ReminderScheduler:
    def __init__(self):
        self._changed = threading.Condition()
        self._queue = []  # (due, id, message)
        self._thread = None
        self._load()

    def schedule_reminder(self, message, delay_minutes):
        """Promises a notification and returns {id, message, fire_at, remaining_seconds, fired, cancelled}."""
        if not _call.worker:
            raise RuntimeError('Reminders need a worker; say "worker": true in skill.json.')
        delay = float(delay_minutes) * 60
        if not 0 <= delay <= 366 * 86400:
            raise ValueError("A reminder must be due within a year.")
        reminder = (time.time() + delay, uuid.uuid4().hex[:8], str(message))
        with self._changed:
            if len(self._queue) >= _MOST:
                raise RuntimeError(f"There are {_MOST} reminders already.")
            heapq.heappush(self._queue, reminder)
            self._save()
            self._wake()
        return self._view(reminder)

    def get_pending(self):
        with self._changed:
            return [self._view(reminder) for reminder in sorted(self._queue)]

    def cancel_reminder(self, reminder_id):
        """Whether there was such a reminder."""
        with self._changed:
            left = [reminder for reminder in self._queue if reminder[1] != reminder_id]
            found = len(left) < len(self._queue)
            self._queue = left
            heapq.heapify(self._queue)
            self._save()
            self._changed.notify()
            return found

    @staticmethod
    def _view(reminder):
        due, name, message = reminder
        return {
            "id": name,
            "message": message,
            "fire_at": datetime.fromtimestamp(due).isoformat(),
            "remaining_seconds": max(0, round(due - time.time())),
            "fired": False,
            "cancelled": False,
        }

    def _wake(self):
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="reminders", daemon=True)
            self._thread.start()
        self._changed.notify()

    def _run(self):
        while True:
            with self._changed:
                if not self._queue:
                    self._thread = None
                    return
                wait = self._queue[0][0] - time.time()
                if wait > 0:
                    self._changed.wait(min(wait, 3600))
                    continue
                due, name, message = heapq.heappop(self._queue)
            _call.notify(_TITLE, message, id=name, fire_at=datetime.fromtimestamp(due).isoformat())
            with self._changed:
                self._save()

    def _file(self):
        return os.path.join(_call.data_directory or "/nonexistent", "reminders.json")

    def _load(self):
        try:
            with open(self._file(), encoding="utf-8") as file:
                kept = json.load(file)
            self._queue = [(float(due), str(name), str(message)) for due, name, message in kept][:_MOST]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError):
            # Broken by something else: what can still be read there is kept for whoever looks.
            try:
                os.replace(self._file(), self._file() + ".broken")
            except OSError:
                pass
            return
        heapq.heapify(self._queue)
        if self._queue and _call.worker:
            with self._changed:
                self._wake()

    def _save(self):
        """Under the lock. Without a data folder reminders last as long as the worker."""
        try:
            part = self._file() + ".part"
            with open(part, "w", encoding="utf-8") as file:
                json.dump(self._queue, file)
            os.replace(part, self._file())
        except OSError:
            pass


reminder_scheduler = ReminderScheduler()
