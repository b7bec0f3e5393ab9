"""Stories in English: residents from abroad, and companies that deal with them."""

from __future__ import annotations

from datetime import timedelta

from onewindow.demo.scene import Scene, hours, minutes
from onewindow.demo.stories.story import WRITTEN, Story, foreigners


async def outage_in_english(scene: Scene) -> None:
    """No connection, in another language."""
    await scene.opens(
        "{No internet since last night|Connection down at <street>|Internet not working}",
        "{My internet has been down since {last night|this morning}|I have had no connection since "
        "{noon|yesterday}}. // {The router shows a red light and restarting it did not help.|I restarted "
        "everything twice, no luck.|All the lights are green but nothing loads.} {I work remotely and have "
        "a call at four.|Could someone come today?|I only speak English, sorry.}",
        "Called in English: no internet at <street> since {yesterday|this morning}. Needs a technician.",
    )
    await scene.at_work(minutes(3, 30))
    await scene.answers(
        "{I am sorry about that.|Thanks for letting us know.} {We see a damaged cable in your building; our "
        "technician will be there tomorrow between <from> and <to>.|There is a fault at our node in your "
        "district. It should be fixed by <to> today.} {Does that work for you?|I will write again once it "
        "is done.}",
        "Called back in English, agreed on tomorrow, <from>–<to>.",
    )
    if scene.channel in ("email", "chat", "telegram"):
        await scene.by_day(minutes(5, 120))
        await scene.says(
            "{That works, thank you.|Perfect, I will be at home.|OK, thanks for the quick reply!}"
        )
    await scene.notes("{Visit|Technician} tomorrow <from>–<to>, speak English. {Code of the door: 38.|}")
    await scene.at_work(hours(20, 28))
    await scene.answers(
        "The cable has been replaced and your line is up{ at <speed> Mbit/s|}. {Have a good day!|Please "
        "tell us if anything is wrong.}",
        "Confirmed: the line works.",
    )
    await scene.decides("solved", "{Cable replaced|Port changed}, line tested at <speed> Mbit/s.")


async def bill_in_english(scene: Scene) -> None:
    """A bill nobody explained."""
    await scene.opens(
        "{Question about my bill|Why was I charged <sum> RUB?|Invoice for <month_en>}",
        "{I was charged <sum> roubles this month instead of <price>|My bill for <month_en> looks too high: "
        "<sum> RUB}. // {Could you explain what it is for?|I did not order anything extra.|Is this a "
        "mistake?} {Contract <contract>.|}",
        "Asks in English about a charge of <sum> RUB.",
    )
    await scene.at_work(minutes(20, 200))
    await scene.answers(
        "{I have checked your account|I looked into it}: {equipment rental was added by mistake|a "
        "promotional price ended in <month_en>}. {We refunded <refund> RUB to your account.|I extended your "
        "discount for six months.}",
        "Explained the charge, refunded <refund> RUB.",
    )
    await scene.decides(
        "compensated", "{Rental removed, <refund> RUB refunded|Discount extended for six months}."
    )


async def question_in_english(scene: Scene) -> None:
    """A small thing."""
    await scene.opens(
        "{#ask|How do I pay online?|Changing my plan|Wi-Fi password|Moving next month}",
        "{#ask|{How can I pay with a foreign card?|Which cards do you accept?}|{Is there a faster plan in "
        "my building?|Can I upgrade to something faster?}|Where do I find the Wi-Fi password?|We are moving "
        "to <new_street> next month. Can we take the contract with us?} // {Thanks in advance!|My contract "
        "is <contract>.|}",
        "Asked in English about {#ask|payment by card|faster plans|the Wi-Fi password|moving to "
        "<new_street>}.",
    )
    await scene.later(minutes(2, 25))
    await scene.answers(
        "{#ask|You can pay by QR code or in any terminal; foreign cards are accepted at our office.|Yes, 1 "
        "Gbit/s is available at your address for 1100 RUB a month.|It is on the sticker under the router, "
        "next to WPA KEY.|Yes, moving the contract is free. Just tell us the date.}",
        "Explained {#ask|how to pay|the plans|where the password is|how moving works}.",
    )
    await scene.later(minutes(2, 40))
    await scene.says("{Great, thank you!|Thanks, that helps.|Got it, cheers.}", "Thanked us.")
    await scene.later(minutes(1, 12))
    await scene.decides(
        "informed", "{#ask|Payment options explained|Plans explained|Wi-Fi password|Moving explained}."
    )


STORIES = (
    Story(outage_in_english, 8, timedelta(days=4), foreigners, {**WRITTEN, "phone": 2}),
    Story(bill_in_english, 5, timedelta(days=2), foreigners, {"email": 4, "chat": 2}),
    Story(
        question_in_english,
        11,
        timedelta(days=1),
        foreigners,
        {"email": 2, "chat": 5, "telegram": 1},
        nightly=True,
    ),
)
