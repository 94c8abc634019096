using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Browsing;

/// <summary>Ready messages that follow each other.</summary>
/// <param name="Run">In memory of their own; or without records, if only the store has them: all that it has before <paramref name="End"/>.</param>
/// <param name="Rank">See <see cref="BrowsePlace"/>.</param>
internal readonly record struct BrowsedRun(MessageRun Run, long End, int Rank);

/// <summary>Where somebody looks at.</summary>
/// <param name="IsAll">There is nothing behind these.</param>
/// <param name="RedeliveredBelow">What only the store has below this offset may have been delivered by an earlier activation.</param>
internal sealed record BrowsedRuns(List<BrowsedRun> Runs, bool IsAll, long RedeliveredBelow);
