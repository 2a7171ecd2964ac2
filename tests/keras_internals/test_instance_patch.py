import pytest

from keras_slr.keras_internals.instance_patch import InstancePatch


class Greeter:
    def greet(self, name="you"):
        """Says hello."""
        return f"hello {name}"


def prefixed(prefix):
    return lambda method: lambda *args, **kw: prefix + method(*args, **kw)


@pytest.fixture
def greeter():
    return Greeter()


def patches(greeter):
    first = InstancePatch(greeter, "greet", prefixed("a "))
    second = InstancePatch(greeter, "greet", prefixed("b "))
    first.attach()
    second.attach()
    return first, second


def test_calls_the_replacement_while_attached(greeter):
    patch = InstancePatch(greeter, "greet", prefixed("well, "))
    patch.attach()
    assert greeter.greet("Ada") == "well, hello Ada"
    assert greeter.greet.__doc__ == "Says hello."
    assert Greeter().greet() == "hello you"
    assert patch.attached
    patch.detach()
    assert greeter.greet() == "hello you"
    assert vars(greeter) == {}
    assert not patch.attached


def test_attaching_and_detaching_twice_does_nothing(greeter):
    patch = InstancePatch(greeter, "greet", prefixed("a "))
    patch.detach()
    patch.attach()
    patch.attach()
    assert greeter.greet() == "a hello you"
    patch.detach()
    patch.detach()
    assert vars(greeter) == {}
    patch.attach()
    assert greeter.greet() == "a hello you"


def test_restores_a_patch_that_was_there_before(greeter):
    def theirs():
        return "hi"

    greeter.greet = theirs
    patch = InstancePatch(greeter, "greet", prefixed("a "))
    patch.attach()
    assert greeter.greet() == "a hi"
    patch.detach()
    assert greeter.greet is theirs


def test_leaves_a_later_patch_in_place_and_passes_calls_through(greeter):
    patch = InstancePatch(greeter, "greet", prefixed("a "))
    patch.attach()
    below = greeter.greet

    def theirs():
        return "c " + below()

    greeter.greet = theirs
    patch.detach()
    assert greeter.greet is theirs
    assert greeter.greet() == "c hello you"


def test_leaves_the_method_alone_that_somebody_restored(greeter):
    patch = InstancePatch(greeter, "greet", prefixed("a "))
    patch.attach()
    del greeter.greet
    patch.detach()
    assert vars(greeter) == {}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_patches_leave_no_trace_in_either_order(greeter, order):
    both = patches(greeter)
    assert greeter.greet() == "b a hello you"
    both[order[0]].detach()
    rest = "b " if order[0] == 0 else "a "
    assert greeter.greet() == rest + "hello you"
    both[order[1]].detach()
    assert vars(greeter) == {}


def test_two_patches_over_a_foreign_one_restore_it(greeter):
    def theirs():
        return "hi"

    greeter.greet = theirs
    first, second = patches(greeter)
    first.detach()
    assert greeter.greet() == "b hi"
    second.detach()
    assert greeter.greet is theirs


def test_attributes_of_the_replacement_can_be_read(greeter):
    def replace(method):
        def replacement():
            return method()

        replacement.guard = "mine"
        return replacement

    patch = InstancePatch(greeter, "greet", replace)
    patch.attach()
    assert greeter.greet.guard == "mine"
    patch.detach()
    assert not hasattr(greeter.greet, "guard")


class Slotted:
    __slots__ = ()

    def greet(self):
        return "hello"


class SlottedName:
    __slots__ = ("__dict__", "greet")

    def __init__(self):
        self.greet = str


class Property:
    @property
    def greet(self):
        return str


@pytest.mark.parametrize(
    "obj, words",
    [
        (Slotted(), "Slotted, which has none"),
        (SlottedName(), "slot of SlottedName"),
        (Property(), "property or slot of Property"),
        (object.__new__(type("Empty", (), {})), "Empty without such a method"),
    ],
    ids=["slots", "slot", "property", "nothing"],
)
def test_refuses_what_an_instance_cannot_replace(obj, words):
    patch = InstancePatch(obj, "greet", prefixed("a "))
    with pytest.raises(TypeError, match=words):
        patch.attach()
    assert not patch.attached


def test_a_model_and_its_optimizer_take_patches(make_model, data):
    model = make_model()
    before = dict(vars(model)), dict(vars(model.optimizer))
    calls = []

    def noted(name):
        def replace(method):
            def replacement(*args, **kwargs):
                calls.append(name)
                return method(*args, **kwargs)

            return replacement

        return replace

    both = [
        InstancePatch(model, "make_train_function", noted("make")),
        InstancePatch(model.optimizer, "apply", noted("apply")),
    ]
    for patch in both:
        patch.attach()
    model.fit(*data, verbose=0)
    assert {"make", "apply"} == set(calls)
    for patch in both:
        patch.detach()
    assert set(vars(model.optimizer)) >= set(before[1])
    assert "apply" not in vars(model.optimizer)
    assert "make_train_function" not in vars(model)
