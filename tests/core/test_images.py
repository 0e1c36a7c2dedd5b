"""Pictures that stand on pages must be what they say, and drawings must not do anything."""

from __future__ import annotations

from io import BytesIO

import pytest

from paperclip.core import images

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">{}</svg>'
SAFE = [
    pytest.param('<path d="M0 0h8v8" fill="#fff"/>', id="shape"),
    pytest.param("<title>on the way</title><text>javascript is a word</text>", id="text"),
    pytest.param('<defs><linearGradient id="a"/></defs><rect fill="url(#a)"/>', id="own gradient"),
    pytest.param('<use href="#a"/><use xlink:href="#b"/>', id="own parts"),
    pytest.param('<image href="data:image/png;base64,AAAA"/>', id="picture within"),
    pytest.param("<style>.a { fill: url(#a); color: red }</style>", id="style"),
    pytest.param('<animate attributeName="opacity" to="1"/>', id="movement"),
]
UNSAFE = [
    pytest.param("<script>alert(1)</script>", id="script"),
    pytest.param(
        '<x:script xmlns:x="http://www.w3.org/2000/svg">1</x:script>', id="script of another prefix"
    ),
    pytest.param("<SCRIPT/>", id="script in capitals"),
    pytest.param('<rect onload="alert(1)"/>', id="handler"),
    pytest.param('<g ONCLICK="1"/>', id="handler in capitals"),
    pytest.param("<foreignObject><p/></foreignObject>", id="foreign object"),
    pytest.param('<a href="javascript:alert(1)"><text>x</text></a>', id="script as link"),
    pytest.param('<a xlink:href="&#106;avascript:1"><text>x</text></a>', id="script in disguise"),
    pytest.param('<image href="https://elsewhere/x.png"/>', id="picture from elsewhere"),
    pytest.param('<use href="//elsewhere/x.svg#a"/>', id="part from elsewhere"),
    pytest.param('<image href="data:image/svg+xml,x"/>', id="drawing within"),
    pytest.param('<rect style="fill: url(https://elsewhere/x)"/>', id="style from elsewhere"),
    pytest.param('<rect fill="url(&quot;//elsewhere&quot;)"/>', id="paint from elsewhere"),
    pytest.param("<style>@import 'https://elsewhere/x.css';</style>", id="imported style"),
    pytest.param(r"<style>.a { fill: u\72l(https://elsewhere) }</style>", id="style with escapes"),
    pytest.param("<style>.a{fill:ur<!-- -->l(http://x)}</style>", id="style in two pieces"),
    pytest.param('<set attributeName="href" to="javascript:1"/>', id="link that is set"),
    pytest.param('<animate attributeName="xlink:href" values="x"/>', id="link that moves"),
    pytest.param('<set attributeName="onclick" to="alert(1)"/>', id="handler that is set"),
    pytest.param('<g xml:base="https://elsewhere/"><use href="#a"/></g>', id="base"),
    pytest.param("<?xml-stylesheet href='https://elsewhere/x.css'?>", id="instruction"),
]
BROKEN = [
    pytest.param(b"", id="empty"),
    pytest.param(b"<svg>", id="no end"),
    pytest.param(b"<html/>", id="another root"),
    pytest.param(b"\xff\xfe\x00\x01", id="no text"),
    pytest.param(b'<?xml version="1.0" encoding="utf-7"?><svg/>', id="odd encoding"),
    pytest.param(b'<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', id="entities"),
    pytest.param(b"<svg>" * 100_000, id="endless depth"),
]
SIGNED = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x01\x02\x03\x04WEBPVP8 ",
}


@pytest.mark.parametrize("inside", SAFE)
def test_drawings_that_only_show(inside):
    assert images.fault(BytesIO(SVG.format(inside).encode()), images.SVG) is None


def test_drawing_with_a_plain_document_type():
    head = (
        b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
    )
    assert images.fault(BytesIO(head + b"<svg/>"), images.SVG) is None


@pytest.mark.parametrize("inside", UNSAFE)
def test_drawings_that_could_act(inside):
    fault = images.fault(BytesIO(SVG.format(inside).encode()), images.SVG)

    assert fault is not None
    assert fault.startswith("has a part that could act")


@pytest.mark.parametrize("content", BROKEN)
def test_what_is_no_drawing(content):
    assert images.fault(BytesIO(content), images.SVG) is not None


@pytest.mark.parametrize("content_type", SIGNED)
def test_pictures_are_what_they_say(content_type):
    for other, start in SIGNED.items():
        fault = images.fault(BytesIO(start + b"\0" * 20), content_type)
        assert (fault is None) == (other == content_type)
    assert images.fault(BytesIO(b""), content_type) is not None


def test_types_that_are_not_known_pass():
    assert images.fault(BytesIO(b"anything"), "image/avif") is None
