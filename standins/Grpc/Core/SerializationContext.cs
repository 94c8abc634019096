using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a marshaller writes one message to.</summary>
public abstract class SerializationContext
{
    /// <summary>Takes the whole message at once; instead of the other three.</summary>
    public virtual void Complete(byte[] payload) => throw new NotImplementedException();

    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotImplementedException();

    /// <summary>Announces the size, before the writer is asked for: the message then goes straight to the wire.</summary>
    public virtual void SetPayloadLength(int payloadLength) => throw new NotImplementedException();

    public virtual void Complete() => throw new NotImplementedException();
}

/// <summary>Where a marshaller reads one message from.</summary>
public abstract class DeserializationContext
{
    public abstract int PayloadLength { get; }

    public virtual byte[] PayloadAsNewBuffer() => throw new NotImplementedException();

    /// <summary>Valid only until the deserializer returns.</summary>
    public virtual ReadOnlySequence<byte> PayloadAsReadOnlySequence() => throw new NotImplementedException();
}
