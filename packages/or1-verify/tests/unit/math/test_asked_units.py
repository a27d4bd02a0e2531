"""A unit beside an answer against the unit, quantity or thing that the question asks for."""

# ruff: noqa: E501 - answers in one line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right

TANK = "A tank is 30 inches wide. How wide are two such tanks side by side?"
WALL = "A wall is 4 feet high and 9 feet long. What is the area of the wall?"
SAND = "Sand fills a box of 2 cm by 3 cm by 5 cm. Find the volume of the sand."
TICKET = "A ticket costs $35. How much do two tickets cost?"
SHELLS = "Ida has 12 shells and finds 8 more. How many shells does she have?"
WAIT = "A bus comes every 45 seconds. How long do six buses take?"
TILES = "How many square centimeters of a card are blue?"
LOSS = "Shares fall. What percent is the loss?"
SHORTER = "How many feet shorter is the fence than the 9-foot wall?"
TRIP = "A train goes 160 miles at 80 mph. How long is it on its way?"
SPEED = "A runner goes 12 miles in 2 hours. How many miles per hour is this?"
PUMP = "How many seconds per minute is the pump on?"
EGGS = "A hen lays 48 eggs. How many dozen eggs are these?"
BUDGET = "What is left of the budget, in millions of dollars?"
COINS = "Of 40 quarters 10 are new. How many quarters are old?"
SHARE = "Of 50 seats 20 are taken. What percent of the seats are taken?"


@pytest.mark.parametrize(
    ("question", "gold", "right", "wrong"),
    [
        (TANK, "60", r"60\text{ inches}", r"60\text{ feet}"),
        (TANK, "60", r"5\text{ feet}", r"60\text{ cm}"),
        (WALL, "36", r"36\text{ square feet}", r"36\text{ square inches}"),
        (WALL, "36", r"36\text{ ft}^2", r"36\text{ cubic feet}"),
        (SAND, "30", r"30\text{ cm}^3", r"30\text{ cm}^2"),
        (SAND, "30", r"30\text{ cubic units}", r"30\text{ square units}"),
        (TICKET, "70", r"\$70", r"70\text{ cents}"),
        (TICKET, "70", r"70\text{ dollars}", r"70\%"),
        (SHELLS, "20", r"20\text{ shells}", r"20\text{ dollars}"),
        (SHELLS, "20", "20", r"20\%"),
        (WAIT, "270", r"270\text{ seconds}", r"270\text{ minutes}"),
        (WAIT, "270", r"4.5\text{ minutes}", r"4.5\text{ hours}"),
        (TILES, "24", r"24\text{ cm}^2", r"24\text{ mm}^2"),
        (TILES, "24", r"24\text{ square centimeters}", r"24\text{ m}^2"),
        (LOSS, r"15\%", r"15\%\text{ loss}", r"15\%\text{ gain}"),
        (SHORTER, "3", r"3\text{ feet shorter}", r"3\text{ feet taller}"),
        (SHORTER, "3", r"3\text{ feet}", r"3\text{ inches}"),
        (TRIP, "2", r"2\text{ hours}", r"2\text{ minutes}"),
        (SPEED, "6", r"6\text{ mph}", r"6\text{ feet per hour}"),
        (SPEED, "6", r"6\text{ miles per hour}", r"6\text{ miles per minute}"),
        (PUMP, "20", r"20\text{ seconds}", r"20\text{ hours}"),
        (EGGS, "4", r"4\text{ dozen}", r"4\text{ hundred}"),
        (EGGS, "4", r"4\text{ dozen eggs}", "48"),
        ("How many eggs are in a dozen?", "12", r"12\text{ eggs}", r"12\text{ dozen}"),
        (BUDGET, "6", r"\$6\text{ million}", r"\$6\text{ billion}"),
        (COINS, "30", r"30\text{ quarters}", r"\frac{30}{4}"),
        ("How many sides has the polygon?", "36", "36", r"36^\circ"),
        ("How many cents does a roll cost?", "80", r"80\text{ cents}", r"\$80"),
        ("Express your answer in cents.", "20.5", r"20.5\text{ cents}", r"\$20.50"),
        ("A roll is 30 cents. What do 10 rolls cost, in dollars?", "3", r"\$3", r"3\text{ cents}"),
        (
            "What should the side of a square field of 400 square feet be?",
            "20",
            r"20\text{ feet}",
            r"20\text{ square feet}",
        ),
        (
            "How many miles does he walk in a week?",
            "120",
            r"120\text{ miles per week}",
            r"120\text{ miles per day}",
        ),
        (TANK, "60", "60''", "60^'"),
        (SHARE, "40", r"40\%", r"40\text{ dollars}"),
    ],
)
def test_a_unit_contradicts_a_gold_without_one(question: str, gold: str, right: str, wrong: str) -> None:
    assert is_right(gold, right, question)
    assert not is_right(gold, wrong, question)


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [
        ("Ms. Ott has 9 second graders. How many second graders stay if 5 leave?", "4", r"4\text{ second graders}"),
        ("A shop sells 24 kg of plums. How many plums are left if half are sold?", "12", r"12\text{ kg}"),
        ("Two rooms are 6 inches by 8 inches in a plan. What is the square footage?", "50", r"50\text{ sq feet}"),
        ("How many cups per day does she drink?", "3", r"3\text{ cups}"),
        ("How many kilos of salt are there in 40 kg of it?", "40", r"40\text{ kg}"),
        ("A square has sides of 8 meters. What is its area?", "64", r"64\text{ meters square}"),
        ('A shelf is 40" long, a room 9 feet. How long are both?', "148", r"148\text{ inches}"),
        ("How many inches taller is Jo than Al?", "3", r"3\text{ inches shorter than Jo}"),
        ("Rolls are five cents each. How much do 12,000 cost?", "600", r"\$600"),
        ("How much money does it pay in total per month?", "1680", r"\$1680"),
        ("If the number of hours stays the same, how much does she earn?", "248", r"\$248"),
        ("Was there a gain or a loss, and of how much?", "5", r"5\text{ loss}"),
    ],
)  # fmt: skip
def test_a_unit_that_fits_the_question_is_right(question: str, gold: str, answer: str) -> None:
    assert is_right(gold, answer, question)


_LENGTHS = ("inches", "feet", "yards", "miles", "meters", "centimeters")


@given(number=st.integers(2, 500), story=st.sampled_from(_LENGTHS), given_unit=st.sampled_from(_LENGTHS))
def test_a_number_is_right_in_the_unit_of_the_story_alone(number: int, story: str, given_unit: str) -> None:
    question = f"One rope is 7 {story} long. How long are several ropes?"
    assert is_right(str(number), rf"{number}\text{{ {given_unit}}}", question) is (story == given_unit)
