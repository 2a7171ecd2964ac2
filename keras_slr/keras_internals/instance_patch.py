"""Replaces a method of one object, and restores what was there."""

import functools
import inspect

_MISSING = object()


class InstancePatch:
    """Replaces a method on an instance while attached.

    `detach` restores what `attach` found: the method of the class, or what
    somebody else had put on the instance. If somebody has replaced the method
    again since, `detach` leaves that in place and only passes calls through;
    a later `detach` of that patch removes both.

    The replacement bypasses Keras's attribute tracking: it is not part of the
    object's state.

    Args:
        obj: The object, such as a model or an optimizer.
        name: String, the name of the method.
        replace: Function of the method as found, bound to the object, that
            returns the function to call instead. Attributes of that function
            can be read from the method while the patch is attached.
    """

    def __init__(self, obj, name, replace):
        self._obj = obj
        self._name = name
        self._replace = replace
        self._link = None

    @property
    def attached(self):
        """Whether calls go to the replacement."""
        return self._link is not None

    def attach(self):
        """Replaces the method; does nothing if attached already.

        Raises:
            TypeError: If the object has no such method, or cannot have one of
                its own.
        """
        if self.attached:
            return
        self._check()
        method = getattr(self._obj, self._name)
        found = vars(self._obj).get(self._name, _MISSING)
        self._link = _Link(method, found, self._replace(method))
        object.__setattr__(self._obj, self._name, self._link.function)

    def detach(self):
        """Restores the method; does nothing if not attached."""
        if not self.attached:
            return
        link, self._link = self._link, None
        link.replacement = None
        if vars(self._obj).get(self._name) is not link.function:
            return
        found = link.found_below()
        if found is _MISSING:
            object.__delattr__(self._obj, self._name)
        else:
            object.__setattr__(self._obj, self._name, found)

    def _check(self):
        kind, name = type(self._obj), self._name
        if not hasattr(self._obj, "__dict__"):
            raise TypeError(
                f"Expected an object with a `__dict__`, to replace `{name}` "
                f"on it. Received: {kind.__name__}, which has none."
            )
        if inspect.isdatadescriptor(inspect.getattr_static(kind, name, None)):
            raise TypeError(
                f"Expected `{name}` to be a method. Received: a property or "
                f"slot of {kind.__name__}, which an instance cannot replace."
            )
        if not callable(getattr(self._obj, name, None)):
            raise TypeError(
                f"Expected `{name}` to be a method. Received: "
                f"{kind.__name__} without such a method."
            )


class _Link:
    """One replacement in the chain of those on an instance.

    Args:
        method: The bound method, as found.
        found: What the instance's `__dict__` held, or `_MISSING`.
        replacement: Function to call instead, until it is dropped.
    """

    def __init__(self, method, found, replacement):
        self.replacement = replacement
        self._found = found

        @functools.wraps(method)
        def function(*args, **kwargs):
            return (self.replacement or method)(*args, **kwargs)

        vars(function).update(vars(replacement))
        function.link = self
        self.function = function

    def found_below(self):
        """Returns what to restore, without replacements that are detached."""
        found = self._found
        while True:
            link = getattr(found, "link", None)
            # `functools.wraps` copies `link` to the wrappers of others.
            is_ours = isinstance(link, _Link) and link.function is found
            if not is_ours or link.replacement is not None:
                return found
            found = link._found
