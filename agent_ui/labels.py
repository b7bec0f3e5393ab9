"""Codes in words: every code of the records that a page shows."""

from __future__ import annotations

from collections.abc import Mapping

from agent_ui.words import mark

LABELS: Mapping[str, Mapping[str, str]] = {
    "state": {
        "queued": mark("In the queue"),
        "reserved": mark("Offered"),
        "assigned": mark("In work"),
        "closed": mark("Closed"),
    },
    "priority": {
        "1": mark("Urgent"),
        "2": mark("High"),
        "3": mark("Normal"),
        "4": mark("Low"),
    },
    "channel": {
        "email": mark("E-mail"),
        "chat": mark("Web chat"),
        "telegram": mark("Telegram"),
        "phone": mark("Phone"),
        "fax": mark("Fax"),
        "letter": mark("Letter"),
        "visit": mark("Visit"),
        "call": mark("Phone call"),
        "desk": mark("Desk"),
        "api": mark("Another system"),
        "webhook": mark("Another system"),
    },
    "outcome": {
        "answered": mark("Answered"),
        "missed": mark("Missed"),
        "abandoned": mark("Gave up waiting"),
        "busy": mark("Line was busy"),
        "failed": mark("Did not get through"),
    },
    "address": {
        "email": mark("E-mail"),
        "phone": mark("Phone"),
        "visitor": mark("Web chat"),
        "telegram": mark("Telegram"),
        "fax": mark("Fax"),
        "postal": mark("Postal address"),
        "api": mark("Another system"),
        "webhook": mark("Another system"),
        "unknown": mark("Unknown"),
    },
    "decision": {
        "past": mark("A call of long ago"),
        "solved": mark("Solved"),
        "informed": mark("Informed"),
        "promised": mark("Promised"),
        "compensated": mark("Compensated"),
        "order_taken": mark("Order taken"),
        "visit_arranged": mark("Visit arranged"),
        "refused": mark("Refused"),
        "withdrawn": mark("Withdrawn by the customer"),
        "duplicate": mark("Duplicate"),
        "not_ours": mark("Not ours"),
        "spam": mark("Spam"),
    },
    "delivery": {
        "queued": mark("Waiting to be sent"),
        "sent": mark("Sent"),
        "delivered": mark("Delivered"),
        "bounced": mark("Came back undelivered"),
        "failed": mark("Not sent"),
    },
    "automatic": {
        "reply": mark("Automatic reply"),
        "bounce": mark("Delivery report"),
        "list": mark("Mailing list"),
        "notice": mark("Automatic notice"),
    },
    "fax_outcome": {
        "partial": mark("Received in part"),
        "failed": mark("The reception failed"),
    },
    "fax_reason": {
        "file_missing": mark("its file is gone from the fax server"),
        "no_pages": mark("no page came through"),
    },
    "fax_trouble": {
        "chain_loops": mark("the file leads back into itself"),
        "chain_broken": mark("the file is cut off or damaged"),
        "too_many_pages": mark("more pages than are shown: save the file"),
        "page_too_large": mark("a page is too large to be shown"),
        "page_empty": mark("a page has no size"),
        "page_damaged": mark("damaged, cannot be shown"),
        "pdf_damaged": mark("the PDF is damaged"),
        "no_pages": mark("the file has no pages"),
        "not_tiff": mark("the file is no fax"),
        "not_pages": mark("a file that cannot be shown as pages"),
        "gave_up": mark("the pages took too long to be made"),
    },
    "trust": {
        "proven": mark("Sender proven"),
        "unproven": mark("Sender unproven"),
        "forged": mark("Sender forged"),
    },
    "trust_because": {
        "dmarc_pass": mark("The sender's domain vouches for the letter (DMARC)."),
        "dkim_pass": mark("The letter is signed by the sender's domain (DKIM)."),
        "spf_pass": mark("The letter came from a server of the sender's domain (SPF)."),
        "signature": mark("The letter is signed by the sender's domain: we checked the signature (DKIM)."),
        "dmarc_fail": mark(
            "The sender's domain does not vouch for the letter (DMARC): somebody else wrote in his name, or "
            "it was passed on by others. Tell him nothing of the history before he proves who he is."
        ),
        "other_domain": mark("What is proved is another domain than the sender's."),
        "nothing_passed": mark("Nothing proves that the letter is from the sender it names."),
        "not_checked": mark("No server of ours checked who sent the letter."),
        "not_signed": mark(
            "The letter is not signed by the sender's domain: anybody can write his name there."
        ),
        "signature_broken": mark("The signature of the sender's domain does not hold for these words."),
        "other_address": mark("It answers a letter of ours, from an address that is not the customer's."),
        "key_unknown": mark(
            "The letter is signed, but the key of the sender's domain could not be looked up when it came."
        ),
        "too_large_to_check": mark("The letter is signed, but too large for the signature to be checked."),
        "several_authors": mark("The letter names more than one sender."),
        "": mark("Nobody vouches for it that the sender is who he says."),
    },
    "problem": {
        "the customer has blocked our bot": mark("the customer has blocked our bot"),
        "the customer never wrote to our bot: a bot may not begin a talk": mark(
            "the customer never wrote to our bot: a bot may not begin a talk"
        ),
        "there is no such chat any more": mark("there is no such chat any more"),
        "a file is larger than Telegram takes (50 MB)": mark("a file is larger than Telegram takes (50 MB)"),
    },
    "segment": {
        "resident": mark("Resident"),
        "business": mark("Business"),
        "corporate": mark("Corporate"),
        "vip": mark("VIP"),
    },
    "customer_kind": {"person": mark("Person"), "company": mark("Company")},
    "subscription": {
        "pending": mark("Being connected"),
        "active": mark("Active"),
        "suspended": mark("Suspended"),
        "terminated": mark("Terminated"),
    },
    "role": {
        "agent": mark("Agent"),
        "supervisor": mark("Supervisor"),
        "admin": mark("Administrator"),
    },
    "status": {
        "ready": mark("Ready"),
        "away": mark("Away"),
        "offline": mark("Offline"),
    },
    "language": {"en": "English", "ru": "Русский"},
}
