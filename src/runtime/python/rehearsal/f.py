def f(event):
    return {"got": event}


def with_context(event, context):
    return {"got": event}
