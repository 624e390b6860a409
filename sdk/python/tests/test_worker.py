"""Skills that need one long-lived process: overlapping calls, timers between calls, notifications."""

import json
import os
import textwrap
import time
import unittest

from support import SkillTest, table

_REMINDERS = """
from notifications import reminder_scheduler
def remind(args): return reminder_scheduler.schedule_reminder(args["message"], args["minutes"])
"""


class Worker(SkillTest):
    def test_calls_overlap(self):
        source = """
            import threading
            _first, _second = threading.Event(), threading.Event()
            def wait(args):
                _second.set()
                return _first.wait(20)
            def go(args):
                _second.wait(20)
                _first.set()
                return "gone"
        """
        program = self.start(textwrap.dedent(source) + table(wait="wait", go="go"), "--worker")
        program.say({"type": "call", "id": "a", "tool": "wait", "arguments": {}})
        program.say({"type": "call", "id": "b", "tool": "go", "arguments": {}})
        answers = {message["id"]: message["value"] for message in (program.hear_kind("result") for _ in range(2))}
        self.assertEqual(answers, {"a": True, "b": "gone"})

    def test_calls_that_do_not_overlap_share_a_thread(self):
        source = "import threading\ndef who(args): return threading.get_ident()\n" + table(who="who")
        program = self.start(source, "--worker")
        self.assertEqual(len({program.value("who") for _ in range(20)}), 1)

    def test_many_calls_at_once_are_all_answered(self):
        program = self.start(
            "import time\ndef f(args):\n    time.sleep(0.01)\n    return args\n" + table(f="f"), "--worker"
        )
        for number in range(200):
            program.say({"type": "call", "id": str(number), "tool": "f", "arguments": {"n": number}})
        answers = [program.hear_kind("result") for _ in range(200)]
        self.assertEqual({answer["id"]: answer["value"]["n"] for answer in answers}, {str(n): n for n in range(200)})

    def test_an_input_that_ends_lets_running_calls_finish(self):
        program = self.start(
            "import time\ndef f(args):\n    time.sleep(0.3)\n    return 5\n" + table(f="f"), "--worker"
        )
        program.say({"type": "call", "id": "c1", "tool": "f", "arguments": {}})
        program.process.stdin.close()
        self.assertEqual(program.hear_kind("result")["value"], 5)

    def test_a_timer_lives_on_and_is_told_to_the_host(self):
        source = """
            import subprocess, threading
            def ring(): subprocess.run(["osascript", "-e", 'display notification "T\\\\"ea" with title "Done"'], check=True)
            def start(args):
                threading.Timer(0.7, ring).start()
                return 1
        """
        program = self.start(textwrap.dedent(source) + table(start="start"), "--worker")
        self.assertEqual(program.value("start"), 1)
        said = []
        while not said or said[-1] != {"pending": 0}:
            event = program.hear_kind("event")
            said.append(event["data"])
        self.assertEqual(said, [{"pending": 1}, {"title": "Done", "message": 'T"ea'}, {"pending": 0}], program.log())

    def test_reminders_have_the_old_shape_and_come(self):
        program = self.start(_REMINDERS + table(remind="remind"), "--worker")
        late = program.value("remind", {"message": "later ü", "minutes": 60})
        self.assertEqual(sorted(late), ["cancelled", "fire_at", "fired", "id", "message", "remaining_seconds"])
        self.assertEqual((late["message"], late["fired"], late["cancelled"]), ("later ü", False, False))
        self.assertAlmostEqual(late["remaining_seconds"], 3600, delta=5)
        self.assertRegex(late["id"], "^[0-9a-f]{8}$")
        soon = program.value("remind", {"message": "tea", "minutes": 0.005})
        notice = program.notice()
        self.assertEqual((notice["message"], notice["id"]), ("tea", soon["id"]))
        self.assertIn("Reminder", notice["title"])

    def test_reminders_survive_the_worker(self):
        first = self.start(_REMINDERS + table(remind="remind"), "--worker")
        first.value("remind", {"message": "kept", "minutes": 0.02})
        first.process.kill()
        first.process.wait()
        time.sleep(1.3)
        again = self.start(None, "--worker")
        self.assertEqual(again.notice()["message"], "kept")

    def test_a_broken_reminder_file_is_set_aside(self):
        with open(os.path.join(self.data, "reminders.json"), "w") as file:
            file.write('[["x"')
        program = self.start(_REMINDERS + table(remind="remind"), "--worker")
        self.assertEqual(program.value("remind", {"message": "m", "minutes": 5})["message"], "m")
        self.assertTrue(os.path.exists(os.path.join(self.data, "reminders.json.broken")))
        with open(os.path.join(self.data, "reminders.json")) as file:
            self.assertEqual(json.load(file)[0][2], "m")

    def test_reminders_without_a_worker_say_what_is_needed(self):
        program = self.start(_REMINDERS + table(remind="remind"))
        self.assertIn("worker", program.call("remind", {"message": "m", "minutes": 1})["message"])

    def test_cancel_reaches_the_call_it_names(self):
        source = """
            import time
            from librebird import tool, Context
            @tool
            def count(context: Context):
                while True:
                    context.check()
                    time.sleep(0.01)
            @tool
            def quick(): return 1
        """
        program = self.start(textwrap.dedent(source), "--worker")
        program.say({"type": "call", "id": "long", "tool": "count", "arguments": {}})
        self.assertEqual(program.value("quick", call_id="other"), 1)
        program.say({"type": "cancel", "id": "long"})
        self.assertEqual(
            program.hear_kind("error"), {"type": "error", "id": "long", "message": "The call was cancelled."}
        )


if __name__ == "__main__":
    unittest.main()
