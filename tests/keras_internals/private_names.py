"""Finds private names of other packages in source code."""

import ast

# Documented, though their names begin with an underscore.
DOCUMENTED = {"os._exit", "sys._getframe"}
# Parts of dotted names that are private without an underscore.
MODULES = (
    "keras.src",
    "keras_hub.src",
    "jax._src",
    "tensorflow.python",
    "tensorflow_model_optimization.python",
)


class Sources:
    """Our own code, and the private names that it defines.

    Args:
        trees: Dict of syntax trees by any key.
    """

    def __init__(self, trees):
        self._classes = {}
        self._own = set()
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    known = self._classes.setdefault(node.name, (set(), set()))
                    known[0].update(_defined(node))
                    known[1].update(_own_bases(node))
                    self._own |= known[0]
        for tree in trees.values():
            self._own |= {name for node in tree.body for name in _names(node)}

    def foreign(self, tree, table):
        """Returns the private names of others in a file.

        Args:
            tree: Syntax tree.
            table: Set of names that are known to be private elsewhere.

        Returns:
            List of pairs of a line number and a name.
        """
        found = []
        for node in tree.body:
            self._visit(node, None, table, found)
        return found

    def _visit(self, node, owner, table, found):
        if isinstance(node, ast.ClassDef):
            owner = node.name
        name = _private(node)
        if name and not self._is_own(node, name, owner, table):
            found.append((node.lineno, name))
        for child in ast.iter_child_nodes(node):
            self._visit(child, owner, table, found)

    def _is_own(self, node, name, owner, table):
        if isinstance(node, ast.Attribute):
            if ast.unparse(node) in DOCUMENTED:
                return True
            if owner and _last(node.value) in ("self", "cls"):
                return name in self._members(owner)
        return name in self._own and name not in table

    def _members(self, name):
        """Returns the private names that a class of ours or a base defines."""
        members, seen, left = set(), set(), {name}
        while left:
            name = left.pop()
            own, bases = self._classes.get(name, (set(), set()))
            members |= own
            seen.add(name)
            left |= bases - seen
        return members


def _own_bases(node):
    bases = map(ast.unparse, node.bases)
    return {_last(b) for b in bases if not b.startswith(("keras.", "layers."))}


def _private(node):
    """Returns the private name that a node reads, or `None`."""
    if isinstance(node, ast.Attribute):
        return node.attr if _is_private(node.attr) else None
    if isinstance(node, ast.ImportFrom | ast.Import):
        module = getattr(node, "module", None)
        for each in [module] if module else [a.name for a in node.names]:
            if each.startswith(MODULES):
                return each
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        # Prose has spaces.
        text = node.value
        if " " not in text and text.lstrip("@").startswith(MODULES):
            return text
    if isinstance(node, ast.keyword) and node.arg and _is_private(node.arg):
        return node.arg
    if (
        isinstance(node, ast.Call)
        and len(node.args) > 1
        and _last(node.func) in ("getattr", "hasattr", "setattr", "delattr")
    ):
        return _of_string(node.args[1])
    return None


def _of_string(node):
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
        if isinstance(node, ast.Constant) and node.value.startswith("_"):
            return node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value if _is_private(node.value) else None
    return None


def _is_private(name):
    dunder = name.startswith("__") and name.endswith("__")
    return name.startswith("_") and (not dunder or name == "__internal__")


def _defined(kind):
    """Returns the private names that a class defines."""
    found = set()
    for node in ast.walk(kind):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and _last(node.value) in ("self", "cls")
        ):
            found.add(node.attr)
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) == "object.__setattr__"
            and isinstance(node.args[1], ast.Constant)
        ):
            found.add(node.args[1].value)
        found |= set(_names(node))
    return {name for name in found if _is_private(name)}


def _names(node):
    """Returns the names that a statement binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        parts = [part for each in node.targets for part in ast.walk(each)]
        return [part.id for part in parts if isinstance(part, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _last(node):
    text = node if isinstance(node, str) else ast.unparse(node)
    return text.rsplit(".", 1)[-1]
