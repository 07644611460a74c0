"""A page's HTML as a test reads it."""

import json
from html.parser import HTMLParser


class Page(HTMLParser):
    """What a browser would see: each item's attributes, texts by class, links by id or class, scripts."""

    def __init__(self, response):
        super().__init__()
        self.items, self.texts, self.scripts, self.elements, self.links = [], {}, [], {}, {}
        self._place = None
        self.feed(response.content.decode())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.elements[attributes["id"]] = attributes
        if tag == "li" and ("item" in (attributes.get("class") or "").split() or "data-link" in attributes):
            self.items.append(attributes)
        if tag == "a":
            self.links[attributes.get("id") or attributes.get("class")] = attributes.get("href")
        if tag == "script":
            self.scripts.append(attributes)
            self._place = attributes.get("id") or "script"
        elif tag != "input":
            self._place = attributes.get("class")

    def handle_data(self, data):
        self.texts.setdefault(self._place, []).append(data)

    def handle_endtag(self, tag):
        self._place = None

    @property
    def shown(self):
        """The items of the list, without the template from which others are made."""
        return self.items[:-1]

    @property
    def titles(self):
        """Of the items of the list, in their order."""
        return self.texts.get("title", [])

    @property
    def days(self):
        return self.texts.get("day", [])

    @property
    def data(self):
        return json.loads(self.texts["page"][0])
