"""How does a value look in a notebook? As a page of plain HTML and CSS that opens and closes, without a script.

What stands on a page is said where the class is; here are the parts: a text, escaped, and a tag (`page`), an array as a
heat map with its numbers (`arrays`), a tree that opens (`trees`), numbers from step to step (`curves`). Nothing is
imported before a notebook asks.
"""

from funcnn._html.arrays import Pictures, opened
from funcnn._html.curves import chart
from funcnn._html.page import Html, counted, memory, one_line, opening, page, shortened, table, tag, words
from funcnn._html.trees import Branch, Leaf, Line, tree_page

__all__ = ["Branch", "Html", "Leaf", "Line", "Pictures", "chart", "counted", "memory", "one_line", "opened", "opening",
           "page", "shortened", "table", "tag", "tree_page", "words"]
