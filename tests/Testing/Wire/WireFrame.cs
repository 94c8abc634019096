using System.Buffers.Binary;

namespace Granary.Testing.Wire;

/// <summary>One frame as it was on the wire, without its end octet.</summary>
public sealed record WireFrame(byte Type, ushort Channel, byte[] Payload)
{
    /// <summary>Frame types and the end octet of the specification's section 2.3.5.</summary>
    public const byte MethodType = 1, HeaderType = 2, BodyType = 3, HeartbeatType = 8, End = 0xCE;

    /// <summary>The class id of a method frame.</summary>
    public ushort ClassId => BinaryPrimitives.ReadUInt16BigEndian(Payload);

    /// <summary>The method id of a method frame.</summary>
    public ushort MethodId => BinaryPrimitives.ReadUInt16BigEndian(Payload.AsSpan(2));

    /// <summary>Whether this is the method with these ids.</summary>
    public bool Is(ushort classId, ushort methodId) =>
        Type == MethodType && Payload.Length >= 4 && ClassId == classId && MethodId == methodId;

    /// <summary>A reader behind the two ids of a method frame.</summary>
    public WireReader Arguments() => new(Payload.AsMemory(4));

    /// <summary>The frame with header and end octet.</summary>
    public byte[] ToBytes() =>
        new WireWriter().Octet(Type).Short(Channel).Long((uint)Payload.Length).Raw(Payload).Octet(End).ToArray();

    /// <inheritdoc/>
    public override string ToString() =>
        Type == MethodType && Payload.Length >= 4 ? $"method {ClassId}/{MethodId} on channel {Channel}" : $"frame type {Type} on channel {Channel}";
}
