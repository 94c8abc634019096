namespace Granary.Core.Certificates;

/// <summary>A certificate with its key and whatever goes with them, as they were in their files.</summary>
public interface IIdentity
{
    DateTimeOffset ValidFrom { get; }

    DateTimeOffset ValidUntil { get; }

    /// <summary>Whether the files have other contents than those that this was read from. What cannot be read has.</summary>
    bool IsStale();
}
