namespace Granary.Amqp;

/// <summary>Frames that are whole, but have no place where they came (rabbit_reader: handle_frame).</summary>
public static class UnexpectedFrame
{
    /// <summary>505, with the frame's type and its first octets.</summary>
    public static AmqpConnectionException Error(FrameType type, ReadOnlySpan<byte> payload) =>
        new(ReplyCode.UnexpectedFrame, DecodeError.Describe((byte)type, payload, payload.Length));

    /// <summary>Refuses a heartbeat that carries something (rabbit_command_assembler: analyze_frame).</summary>
    /// <exception cref="AmqpConnectionException">501: it has a payload.</exception>
    public static void CheckHeartbeat(ReadOnlySpan<byte> payload)
    {
        if (!payload.IsEmpty)
        {
            DecodeError.Frame((byte)FrameType.Heartbeat, payload, "unknown_frame");
        }
    }
}
