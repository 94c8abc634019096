using System.Text.Json;
using Granary.Core.Members;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Ownership;

/// <summary>
/// The run of the cluster: it begins with the first silo, and goes on as long as each silo that joins finds one there that belongs to it. What is transient and is
/// nobody's own ends with it, as it does in RabbitMQ when the nodes are restarted.
/// </summary>
internal sealed partial class ClusterRun(
    ILocalSiloDetails silo, IClusterMembershipService statuses, IMembers members, GroupCommit commit, TimeProvider time, ILogger<ClusterRun> log) : IDisposable
{
    private const string Prefix = "run ";

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(100);

    private static readonly RowKey Key = new("cluster", "run");

    private readonly SemaphoreSlim _gate = new(1, 1);
    private string? _id;

    private string Own => silo.SiloAddress.ToParsableString();

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
        await statuses.Refresh(default, cancellation).ConfigureAwait(false);
        var row = await commit.Store.ReadRowAsync(Key, cancellation).ConfigureAwait(false);
        var before = row is null ? null : JsonSerializer.Deserialize(row.Value.Span, DefinitionsJson.Default.RunState);
        List<string> there = [];
        foreach (var member in before?.Members ?? [])
        {
            // This silo stands there if it was interrupted just after it had joined.
            if (member == Own || await IsThereAsync(member, cancellation).ConfigureAwait(false))
            {
                there.Add(member);
            }
        }

        var id = there.Count > 0 ? before!.Id : Guid.NewGuid();
        var now = new RunState { Id = id, Members = [.. there.Except([Own]), Own] };
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

    /// <summary>It answers. One that does not is asked until it is declared dead, for it may hang.</summary>
    private async ValueTask<bool> IsThereAsync(string member, CancellationToken cancellation)
    {
        var address = SiloAddress.FromParsableString(member);
        while (statuses.CurrentSnapshot.GetSiloStatus(address) is not (SiloStatus.None or SiloStatus.Dead))
        {
            try
            {
                if (members.Find(member) is { } service)
                {
                    await service.AnswerAsync().WaitAsync(AnswerLimit, time, cancellation).ConfigureAwait(false);
                    return true;
                }
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                LogNoAnswer(log, exception, member);
            }

            await Task.Delay(AskAgainAfter, time, cancellation).ConfigureAwait(false);
        }

        return false;
    }

    [LoggerMessage(3701, LogLevel.Debug, "{Member}, which belongs to the run of the cluster, does not answer; it is asked again until it is declared dead")]
    private static partial void LogNoAnswer(ILogger logger, Exception exception, string member);
}

/// <summary>The run as it is stored.</summary>
internal sealed class RunState
{
    public Guid Id { get; set; }

    /// <summary>Silos that belong to it, and perhaps some that are gone.</summary>
    public string[] Members { get; set; } = [];
}
