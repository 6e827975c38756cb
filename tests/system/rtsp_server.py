"""A real RTSP server, run by Debian's own Python: rtsp_server.py FILE PORT [USER PASSWORD].

Serves an H.264 file as rtsp://127.0.0.1:PORT/live and says "ready" once it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

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
server.get_mount_points().add_factory("/live", factory)
if not server.attach(None):
    sys.exit(f"cannot listen on port {port}")
sys.stdout.write("ready\n")
sys.stdout.flush()
GLib.MainLoop().run()
