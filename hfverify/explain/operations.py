"""What the functions of the specification language do to maps, sets of bits, queues and numbers. No solver.

Reads   values
Gives   values
Refuses arguments for which the function has no value (Undefined)
"""

from __future__ import annotations

from hfverify.explain.maps import Map
from hfverify.explain.values import Bits, Undefined, Value


def of_map(name: str, map_: Map, numbers: list[int]) -> Value:
    """A function of a map."""
    if name == "fill":
        return map_.fill(*numbers)
    if name == "count":
        return map_.count(*numbers)
    found = map_.total(*numbers)
    if found is None:
        raise Undefined("there is no end to the numbers with this value")
    return found


def of_bits(name: str, bits: Bits, arguments: list[Value]) -> Value:
    """A function of a set of bits."""
    match name:
        case "cardinality":
            return len(bits)
        case "lowest":
            if not bits:
                raise Undefined("no number is in the set")
            return min(bits)
    number = arguments[0]
    assert isinstance(number, int)
    return Bits(bits | {number}) if name == "insert" else Bits(bits - {number})


def equal(a: Value, b: Value) -> bool:
    """Whether two values are the same; all empty sets are."""
    if isinstance(a, Bits) and isinstance(b, Bits):
        return a == b
    if isinstance(a, frozenset) or isinstance(b, frozenset):
        return not a and not b
    return a == b


def arithmetic(operator: str, a: int, b: int) -> Value:
    """A quotient or a remainder."""
    if b <= 0:
        raise Undefined("the divisor is not positive")
    return a // b if operator == "/" else a % b


def of_queue(name: str, queue: tuple[int, ...], arguments: list[Value]) -> Value:
    """A function of a queue."""
    if name == "first":
        if not queue:
            raise Undefined("nobody is in the queue")
        return queue[0]
    element = arguments[0]
    assert isinstance(element, int)
    if name == "append":
        if element in queue:
            raise Undefined("it is in the queue already")
        return (*queue, element)
    if element not in queue:
        raise Undefined("it is not in the queue")
    if name == "remove":
        return tuple(member for member in queue if member != element)
    return queue.index(element)
