"""What the simulated community asks: short questions of a club of cooks and gardeners."""

_TASKS = """
keep basil alive on a windowsill
make a pot of good coffee
boil an egg so that it peels well
grow tomatoes on a balcony
bake bread without a machine
keep slugs away from lettuce
cook rice that does not stick
start a compost heap
make a salad that fills you up
prune a small apple tree
store onions for the winter
make soup from leftover vegetables
water plants while I am on holiday
sharpen a kitchen knife
dry herbs from the garden
cook beans from scratch
plant garlic in autumn
make pancakes for four people
get rid of weeds between stones
freeze fresh berries
repot a plant that is too large
roast potatoes until they are crisp
build a simple raised bed
make tea that is not bitter
keep birds away from cherries
thicken a sauce
collect seeds from flowers
clean a burnt pan
grow mushrooms at home
make jam with less sugar
keep bread fresh for longer
attract bees to a garden
cook pasta for a crowd
save a plant with yellow leaves
make a quick breakfast
grow potatoes in a bucket
season a cast iron pan
plan meals for a week
get soil ready for spring
make yoghurt at home
cut an onion without tears
mow a lawn in a dry summer
use up old bread
grow strawberries in pots
poach a pear
water a garden in a heat wave
make a vegetable stock
protect roses from frost
cook fish so that it stays soft
choose a good melon
"""
_THINGS = """
mint
rosemary
a sourdough starter
mulch
a cold frame
olive oil
brown rice
lentils
a pressure cooker
parsley
chives
a greenhouse
rain water
butter
yeast
honey
pumpkins
carrots
spinach
ginger
cinnamon
vinegar
oats
kale
radishes
beetroot
a wooden spoon
peat
coffee grounds
egg shells
sage
thyme
walnuts
plums
rhubarb
courgettes
leeks
cabbage
peas
sunflowers
lavender
marigolds
clover
worms
ladybirds
salt
pepper
chickpeas
barley
fennel
"""


def questions() -> tuple[str, ...]:
    """Return all questions, each once, kinds mixed."""
    tasks = [f"How do I {task}?" for task in _TASKS.split("\n") if task]
    things = [f"What is {thing} good for?" for thing in _THINGS.split("\n") if thing]
    doubts = [f"Is it worth it to {task}?" for task in _TASKS.split("\n") if task]
    tips = [f"Do you have a tip on {thing}?" for thing in _THINGS.split("\n") if thing]
    return tuple(
        question for four in zip(tasks, things, doubts, tips, strict=True) for question in four
    )
