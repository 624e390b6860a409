"""What old packages import from their host: each name is there, works or says why not, and never breaks a call."""

import textwrap
import unittest

from support import SkillTest, table


class Shims(SkillTest):
    def test_every_name_can_be_imported(self):
        source = """
            from notifications import reminder_scheduler
            from screen_ocr import read_screen, ocr_image, VISION_AVAILABLE
            from knowledge_base import knowledge_base
            from knowledge import add_document, search, list_sources
            from tts_engine import tts_engine
            from image_gen import generate_image
            import tts
            def screen(args): return [read_screen(), ocr_image(None), VISION_AVAILABLE]
            def image(args): return generate_image("a bird", negative_prompt=None, num_steps=3)
            def speak(args): return tts_engine.speak("hello")
        """
        program = self.start(textwrap.dedent(source) + table(screen="screen", image="image", speak="speak"))
        seen, text, vision = program.value("screen")
        self.assertEqual((seen["available"], seen["text"], text, vision), (False, "", "", False))
        self.assertIn("own device", seen["error"])
        self.assertIn("image model", program.value("image")["error"])
        self.assertIn("Tool failed: Speaking needs the user's own device", program.call("speak")["message"])

    KNOWLEDGE = textwrap.dedent("""
        def add(args):
            from knowledge_base import knowledge_base
            return knowledge_base.add(args["content"], title=args.get("title", "Untitled"), source=args.get("source"))
        def find(args):
            from knowledge_base import knowledge_base
            return knowledge_base.search(args["query"], top_k=int(args.get("max_results", 5)))
        def old(args):
            import knowledge
            return [knowledge.add_document(args["text"], "file"), knowledge.search(args["text"]), knowledge.list_sources()]
    """) + table(add="add", find="find", old="old")

    def test_knowledge_is_found_in_another_process(self):
        program = self.start(self.KNOWLEDGE)
        for title, content in (
            ("Bridge", "Die Brücke über den Fluss ist 200 m lang."),
            ("Soup", "Onions, carrots and a little thyme. Cook the onions first."),
            ("Tokyo", "東京都は日本の首都です。"),
            ("Code", 'main.cpp calls open(2); it\'s "quoted" AND tricky*'),
        ):
            self.assertRegex(program.value("add", {"title": title, "content": content})["id"], "^[0-9a-f]{32}$")
        again = self.start(self.KNOWLEDGE)
        for query, title in (
            ("bridges? brücke", "Bridge"),
            ("BRUCKE", "Bridge"),
            ("onion soup", "Soup"),
            ("日本", "Tokyo"),
            ("main.cpp", "Code"),
            ('" OR (NEAR', "Bridge"),
        ):
            found = again.value("find", {"query": query})
            if query.startswith('"'):
                self.assertEqual(found, [])
            else:
                self.assertEqual(
                    (found[0]["title"], sorted(found[0])), (title, ["content", "relevance", "source", "title"])
                )
        self.assertEqual(again.value("find", {"query": "onions carrots"})[0]["relevance"], 1.0)
        self.assertEqual(again.value("find", {"query": "zebra"}), [])
        self.assertEqual(again.value("find", {"query": ""}), [])
        self.assertEqual(again.value("find", {"query": "und"}), [])

    def test_untitled_texts_do_not_replace_each_other(self):
        program = self.start(self.KNOWLEDGE)
        ids = {program.value("add", {"content": f"note number {n}"})["id"] for n in (1, 2, 2)}
        self.assertEqual(len(ids), 2)
        self.assertEqual(len(program.value("find", {"query": "note"})), 2)

    def test_long_texts_become_passages(self):
        text = " ".join(f"word{n}" for n in range(2000))
        program = self.start(self.KNOWLEDGE)
        chunks = program.value("add", {"content": text})["chunks"]
        self.assertGreater(chunks, len(text) // 500)
        best = program.value("find", {"query": "word1234", "max_results": 1})
        self.assertIn("word1234", best[0]["content"])
        self.assertLessEqual(len(best[0]["content"]), 500)

    def test_the_older_module(self):
        added, found, sources = self.start(self.KNOWLEDGE).value("old", {"text": "alpha beta"})
        self.assertEqual(added, {"status": "indexed", "source": "file", "chunks": 1, "total_documents": 1})
        result = {"content": "alpha beta", "source": "file", "relevance": 1.0}
        self.assertEqual(found, {"results": [result], "total_indexed": 1})
        self.assertEqual(sources, {"sources": [{"name": "file", "chunks": 1}], "total_documents": 1})

    def test_without_a_data_folder_it_is_an_error(self):
        import os

        os.rmdir(self.data)
        program = self.start(self.KNOWLEDGE)
        self.assertIn("no data folder", program.call("add", {"content": "x"})["message"])
        self.assertIn("error", program.value("old", {"text": "x"})[0])

    def test_calls_at_once_share_the_store(self):
        program = self.start(self.KNOWLEDGE, "--worker")
        for number in range(60):
            content = {"content": f"entry {number}", "title": str(number)}
            program.say({"type": "call", "id": str(number), "tool": "add", "arguments": content})
        answers = [program.hear_kind("result", "error") for _ in range(60)]
        self.assertEqual({answer["type"] for answer in answers}, {"result"}, answers)
        self.assertEqual(len(program.value("find", {"query": "entry", "max_results": 100})), 60)


if __name__ == "__main__":
    unittest.main()
