namespace Granary.Amqp;

/// <summary>The first octet of a frame (AMQP 0-9-1, section 4.2.3).</summary>
public enum FrameType : byte
{
    Method = 1,
    Header = 2,
    Body = 3,
    Heartbeat = 8,
}
