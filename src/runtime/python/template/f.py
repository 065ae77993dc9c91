import os


def f(event):
    """event: the JSON body of the request. What is returned is the reply, as JSON."""
    name = event.get("name", "world")
    print("greeting", name)  # in the lambda's log
    return {"message": f"{os.environ.get('GREETING', 'Hello')}, {name}!"}
