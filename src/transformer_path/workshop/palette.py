"""Which colour and which marker stand for what, in both themes?

Each architecture keeps its colour and its marker through the whole book. The same two
dictionaries colour the pages (``conf.py``) and the figures (``plots``); figures are
drawn in the light theme, and the pages follow the reader's.
"""

LIGHT = {
    "linear": "#6f6e6f",
    "mlp": "#b5501a",
    "cnn": "#084534",
    "rnn": "#0d5cff",
    "attention": "#91057f",
    "query": "#8d31ee",
    "key": "#976204",
    "value": "#154b4e",
    "ink": "#16181d",
    "ink-2": "#4b515b",
    "hairline": "#d4d7dd",
    "brand": "#1d4ed8",
    "failure": "#b3261e",
    "success": "#0b6b3a",
}
DARK = {
    "linear": "#d5d7e0",
    "mlp": "#b88f24",
    "cnn": "#6bed95",
    "rnn": "#7f9dff",
    "attention": "#f0629a",
    "query": "#b96ffe",
    "key": "#e77603",
    "value": "#9ad9ce",
    "ink": "#dfe1e5",
    "ink-2": "#a9afb8",
    "hairline": "#3a3e44",
    "brand": "#8ab4ff",
    "failure": "#ff8a80",
    "success": "#5fd08f",
}
MARKERS = {"linear": "o", "mlp": "v", "cnn": "D", "rnn": "s", "attention": "^"}
