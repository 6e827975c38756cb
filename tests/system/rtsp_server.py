"""A real RTSP server, run by Debian's own Python: rtsp_server.py FILE PORT [USER PASSWORD].

Serves an H.264 file as rtsp://127.0.0.1:PORT/live, and its first picture as /endless, with filler data behind it that does
not end. Says "ready" once it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import GLib, Gst, GstApp, GstRtspServer  # noqa: E402

Gst.init(None)
path, port, *login = sys.argv[1:]
server = GstRtspServer.RTSPServer(service=port)
server.set_address("127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_launch(
    f'( filesrc location="{path}" ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 )'
)
if login:
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(*login), token)
    server.set_auth(auth)
    factory.add_role_from_structure(
        Gst.Structure.from_string(
            "user, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
        )[0]
    )


def first_picture() -> bytes:
    """With its parameters, as a byte stream."""
    reading = Gst.parse_launch(
        f'filesrc location="{path}" ! qtdemux ! h264parse config-interval=-1 ! '
        "video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out"
    )
    reading.set_state(Gst.State.PLAYING)
    buffer = reading.get_by_name("out").pull_sample().get_buffer()
    reading.set_state(Gst.State.NULL)
    return buffer.extract_dup(0, buffer.get_size())


def feed(factory: GstRtspServer.RTSPMediaFactory, media: GstRtspServer.RTSPMedia) -> None:
    """Filler data (H.264, 7.3.2.7) belong to the picture before them."""
    del factory
    filler = b"\0\0\0\1\x0c" + b"\xff" * 1_000_000 + b"\x80"
    waiting = [first_picture()]

    def more(source: GstApp.AppSrc, wanted: int) -> None:
        del wanted
        buffer = Gst.Buffer.new_wrapped(waiting.pop() if waiting else filler)
        buffer.pts = 0
        source.emit("push-buffer", buffer)

    media.get_element().get_by_name("in").connect("need-data", more)


endless = GstRtspServer.RTSPMediaFactory()
endless.set_launch(
    "( appsrc name=in is-live=true format=time "
    "caps=video/x-h264,stream-format=byte-stream,alignment=nal ! rtph264pay name=pay0 )"
)
endless.connect("media-configure", feed)
server.get_mount_points().add_factory("/endless", endless)
server.get_mount_points().add_factory("/live", factory)
if not server.attach(None):
    sys.exit(f"cannot listen on port {port}")
sys.stdout.write("ready\n")
sys.stdout.flush()
GLib.MainLoop().run()
