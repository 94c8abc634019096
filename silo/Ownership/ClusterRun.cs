using System.Text.Json;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Ownership;

/// <summary>
/// The run of the cluster: it begins with the first silo, and goes on as long as each silo that joins finds one there that belongs to it. What is transient and is
/// nobody's own ends with it, as it does in RabbitMQ when the nodes are restarted.
/// </summary>
internal sealed class ClusterRun(ILocalSiloDetails silo, IClusterMembershipService members, GroupCommit commit) : IDisposable
{
    private const string Prefix = "run ";

    private static readonly RowKey Key = new("cluster", "run");

    private readonly SemaphoreSlim _gate = new(1, 1);
    private string? _id;

    /// <summary>Whether an owner is a run, not a member.</summary>
    public static bool IsRun(string owner) => owner.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Of the run that this silo belongs to; it joins with the first question.</summary>
    public async ValueTask<string> IdAsync(CancellationToken cancellation)
    {
        if (Volatile.Read(ref _id) is { } known)
        {
            return known;
        }

        await _gate.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            while (_id is null)
            {
                Volatile.Write(ref _id, await TryJoinAsync(cancellation).ConfigureAwait(false));
            }

            return _id;
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async Task<string?> TryJoinAsync(CancellationToken cancellation)
    {
        await members.Refresh(default, cancellation).ConfigureAwait(false);
        var row = await commit.Store.ReadRowAsync(Key, cancellation).ConfigureAwait(false);
        var before = row is null ? null : JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.RunState);
        var there = before?.Members.Where(IsThere).ToArray() ?? [];
        var id = there.Length > 0 ? before!.Id : Guid.NewGuid();
        var now = new RunState { Id = id, Members = [.. there.Append(silo.SiloAddress.ToParsableString()).Distinct()] };
        try
        {
            await commit.WriteAsync(new RowChange(Key, JsonSerializer.SerializeToUtf8Bytes(now, DefinitionsJson.Default.RunState), row?.Version ?? 0))
                .WaitAsync(cancellation).ConfigureAwait(false);
            return $"{Prefix}{id:n}";
        }
        catch (RowConflictException)
        {
            // Another silo joined at the same moment: with or after that one.
            return null;
        }
    }

    private bool IsThere(string member) =>
        members.CurrentSnapshot.GetSiloStatus(SiloAddress.FromParsableString(member)) is not (SiloStatus.None or SiloStatus.Dead);
}

/// <summary>The run as it is stored.</summary>
internal sealed class RunState
{
    public Guid Id { get; set; }

    /// <summary>Silos that belong to it, and perhaps some that are gone.</summary>
    public string[] Members { get; set; } = [];
}
