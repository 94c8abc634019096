namespace Granary.Core.Links;

/// <summary>How much of what one connection published may be on its way before no more is read from it.</summary>
/// <param name="Unaccepted">Bytes that no queue has taken yet: queues slower than the network.</param>
/// <param name="Unpassed">Bytes that no watermark has passed yet: a store slower than the network.</param>
public readonly record struct PublishLimits(long Unaccepted, long Unpassed)
{
    public static readonly PublishLimits Connection = new(1024 * 1024, 4 * 1024 * 1024);

    /// <summary>Of calls that many clients share one set of links for.</summary>
    public static readonly PublishLimits SharedLinks = new(8 * 1024 * 1024, 8 * 1024 * 1024);

    /// <summary>Where it goes on.</summary>
    public PublishLimits Half => new(Unaccepted / 2, Unpassed / 2);
}
