"""The old host module `knowledge_base`: an object over the store of `knowledge`."""

import knowledge as _knowledge


class KnowledgeBase:
    def search(self, query, top_k=5):
        """The best passages first: [{content, source, relevance, title}]. Raises what keeps the store from working."""
        return _knowledge.store().search(query, top_k)

    def add(self, content, title="Untitled", source=None):
        """{id, title, source, chunks}."""
        source = str(source or title)
        document, count = _knowledge.store().add(content, source, title)
        return {"id": document, "title": str(title), "source": source, "chunks": count}


knowledge_base = KnowledgeBase()
