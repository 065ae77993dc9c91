def f(event):
    return {"got": event}
