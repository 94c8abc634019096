namespace Granary.Silo.Tests.Queues.Walks;

/// <summary>One message of a <see cref="WideWalk"/>, as the model has it.</summary>
internal sealed record WalkMessage(long Id, int BodyLength, bool IsPersistent, byte? Priority, long? Expiry, string? Group, string? Key)
{
    /// <summary>Its place in the queue; one that was refused has none.</summary>
    public long Offset { get; set; } = -1;

    /// <summary>Its priority in this queue.</summary>
    public int Lane { get; set; }

    /// <summary>Bytes of its record.</summary>
    public int Length { get; set; }

    /// <summary>When it expires.</summary>
    public long Due { get; set; } = long.MaxValue;

    /// <summary>How often it came back.</summary>
    public int Returns { get; set; }

    public bool WasGiven { get; set; }
}
