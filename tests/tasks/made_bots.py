"""A small bot for tests of dialogue, and utterances of other forms."""

from pathlib import Path

BOT = """\
name: front_desk
threshold: 0.4
fallback: Sorry, I did not understand.
slot_types:
  Size:
    values:
      - small
      - medium
      - large: [big, huge]
    open: false
  Topping:
    values: [mushrooms, ham, onions, olives, cheese]
  RoomType:
    values: [single, double: [twin]]
    open: false
intents:
  OrderPizza:
    utterances:
      - i want a pizza
      - I'd like to order a pizza please
      - order a {size} pizza
      - can i have a {size} {topping} pizza
      - a pizza with {topping} please
      - i want to order {count} {size} pizzas
      - give me a {size} pizza with {topping}
      - get me {count} pizzas
      - pizza please
      - we would like {count} {topping} pizzas
    slots:
      size:
        type: Size
        prompt: ["What size?", "Small, medium or large?"]
        retries: 2
      topping:
        type: Topping
        prompt: What topping?
      count:
        type: number
        default: "1"
        rules:
          - at_least: 1
            at_most: 20
            message: I can take 1 to 20 pizzas. How many?
    confirm: Shall I order {count} {size} {topping} pizza?
    declined: Okay, no pizza.
    closing: Your {size} pizza is on its way.
    failed: Sorry, I cannot take this order.
    sets: [ordered]
  BookRoom:
    utterances:
      - book a room
      - i need a room for {day}
      - book a {room} room for {nights} nights
      - reserve a {room} room
      - I want to book a hotel room on {day}
      - do you have a {room} room for {day}
      - a room for {nights} nights please
      - i'd like to stay for {nights} nights from {day}
    slots:
      room: {type: RoomType, prompt: Single or double?}
      day:
        type: date
        prompt: For which day?
        rules: [{not_past: true, message: That day is over. Which day?}]
      nights: {type: number, prompt: How many nights?, rules: [{at_least: 1, at_most: 30}]}
    confirm: A {room} room from {day}, {nights} nights?
    closing: Your room is booked.
  OpeningHours:
    utterances:
      - when are you open
      - what are your opening hours
      - are you open on sunday
      - until when are you open today
      - opening times please
      - what time do you close
      - at what time do you open
    closing: We are open from 9 to 22.
  TrackOrder:
    utterances:
      - where is my order
      - when does my pizza arrive
      - track my order
      - how long will it take
      - is my food on its way
      - status of my order
    needs: [ordered]
    closing: It arrives in half an hour.
out_of_scope:
  - tell me a joke
  - what is the capital of france
  - who won the game
  - sing a song
  - how tall is the eiffel tower
  - you are stupid
  - i hate you
"""
NOW = "2026-11-30T09:00"
"A Monday."


def bot_file(folder: Path, text: str = BOT) -> Path:
    """Write the bot, and return the file."""
    path = folder / "bot.yaml"
    path.write_text(text)
    return path
