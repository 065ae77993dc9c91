from collections import Counter

from tokens import tokens


def f(event):
    """The most frequent words of event["text"]."""
    counts = Counter(tokens(event["text"]))
    return {"words": counts.most_common(event.get("most", 3))}
