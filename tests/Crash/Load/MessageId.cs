namespace Granary.Crash.Load;

/// <summary>Which message of which publisher; numbers ascend from 1 in the order of publishing.</summary>
internal readonly record struct MessageId(ushort Publisher, uint Number)
{
    public override string ToString() => $"{Publisher}/{Number}";
}
