"""Lunch for the office: a command, a button, a form and a file."""

from collections.abc import Mapping

from chatune_core.bots import Answer, Bot, Button, Context, Field, File

bot = Bot()
orders: dict[str, str] = {}


@bot.command("lunch", help="Order lunch.")
async def lunch(context: Context, dish: str = "soup") -> Answer:
    buttons = (Button("order", "Order", dish), Button("note", "Order with a note", dish))
    return Answer(f"{dish.capitalize()} today?", buttons=buttons)


@bot.action("order")
async def order(context: Context, dish: str) -> str:
    orders[context.user] = dish
    return f"Ordered: {dish}."


@bot.form("note", title="A note for the kitchen", fields=[Field("text", "What to know?")])
async def note(context: Context, dish: str, fields: Mapping[str, str]) -> str:
    return await order(context, f"{dish} ({fields['text']})")


@bot.command("orders", help="Get all orders as a file.")
async def listed(context: Context) -> Answer:
    rows = "\n".join(sorted(orders.values()))
    return Answer(f"{len(orders)} so far.", files=(File("orders.txt", rows.encode()),))
