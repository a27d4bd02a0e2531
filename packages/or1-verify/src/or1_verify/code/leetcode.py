"""Definitions that LeetCode problems assume: common imports, linked lists and binary trees."""

from __future__ import annotations

from or1_verify.code.program import PREAMBLE

LEETCODE_SETUP = (
    PREAMBLE
    + '''
class ListNode:
    def __init__(self, val=0, next=None):
        self.val = val
        self.next = next


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val = val
        self.left = left
        self.right = right


def list_node(values):
    """The linked list of these values; None if there are none."""
    head = None
    for value in reversed(values):
        head = ListNode(value, head)
    return head


def tree_node(values):
    """The tree of these values, level by level, with None for a missing child."""
    if not values:
        return None
    root = TreeNode(values[0])
    parents, rest = [root], iter(values[1:])
    for parent in parents:
        for side in ("left", "right"):
            value = next(rest, None)
            if value is not None:
                setattr(parent, side, TreeNode(value))
                parents.append(getattr(parent, side))
    return root


def is_same_list(one, other):
    while one and other:
        if one.val != other.val:
            return False
        one, other = one.next, other.next
    return one is None and other is None


def is_same_tree(one, other):
    pairs = [(one, other)]
    for one, other in pairs:
        if one is None or other is None or one.val != other.val:
            if one is not other:
                return False
        else:
            pairs += [(one.left, other.left), (one.right, other.right)]
    return True
'''
)
"""Setup for tests of mode leetcode that have none."""
