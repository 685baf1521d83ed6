-- Changes what an actor said, at once and outside any log: no offset moves, and said again nothing changes.
-- ARGV[1] MessagePack of {withdrawn, restored, refused, actors, bound, epoch s}, as the functions of actors.lua take them.
local said = cmsgpack.unpack(ARGV[1])
change(said[1], said[2], said[3])
hold_actors(said[4], said[5], said[6])
