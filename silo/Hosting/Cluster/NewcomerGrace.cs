using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// The list of members, in which this process declares no other dead that has just come. Such a process still compiles its code when it is asked whether it is there, and on a busy machine it may
/// not answer in time: it would be declared dead for being new, end, and be started again to the same end.
/// </summary>
/// <remarks>
/// One that joins has neither queues nor clients, so that nobody waits for its end. One that is a member has to go on saying in the list that it is alive, which one that is lost does not. Who asks
/// for the end of a member is told that the list has changed meanwhile, and asks again as long as the member does not answer.
/// </remarks>
internal sealed partial class NewcomerGrace(IMembershipTable list, ILocalSiloDetails own, TimeProvider clock, ILogger<NewcomerGrace> log) : IMembershipTable
{
    /// <summary>For how long one that joins is left alone.</summary>
    public static readonly TimeSpan WhileJoining = TimeSpan.FromSeconds(8);

    /// <summary>For how long a member is from the time on that it is one.</summary>
    public static readonly TimeSpan OnceActive = TimeSpan.FromSeconds(5);

    // To a process that has just started itself, all members are new. Those that have run for longer are not: by the clocks of two machines, which differ little.
    private static readonly TimeSpan New = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<SiloAddress, (SiloStatus Status, long Since)> _seen = new();

    /// <summary>Puts it before the list that was added last.</summary>
    public static void AddTo(IServiceCollection services)
    {
        var list = services.Last(static service => service.ServiceType == typeof(IMembershipTable));
        services.Remove(list);
        services.AddSingleton<IMembershipTable>(provider => ActivatorUtilities.CreateInstance<NewcomerGrace>(
            provider, (IMembershipTable)(list.ImplementationFactory?.Invoke(provider) ?? ActivatorUtilities.CreateInstance(provider, list.ImplementationType!))));
    }

    public Task InitializeMembershipTable(bool tryInitTableVersion) => list.InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    public Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken) => list.InitializeMembershipTableAsync(tryInitTableVersion, cancellationToken);

    public Task DeleteMembershipTableEntries(string clusterId) => list.DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    public Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken) => list.DeleteMembershipTableEntriesAsync(clusterId, cancellationToken);

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => list.CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    public Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken) => list.CleanupDefunctSiloEntriesAsync(beforeDate, cancellationToken);

    public Task<MembershipTableData> ReadRow(SiloAddress key) => list.ReadRowAsync(key, CancellationToken.None);

    public Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken) => list.ReadRowAsync(key, cancellationToken);

    public Task<MembershipTableData> ReadAll() => ReadAllAsync(CancellationToken.None);

    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken) => Note(await list.ReadAllAsync(cancellationToken).ConfigureAwait(false));

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => list.InsertRowAsync(entry, tableVersion, CancellationToken.None);

    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken) => list.InsertRowAsync(entry, tableVersion, cancellationToken);

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken) =>
        IsLeftAlone(entry) ? Task.FromResult(false) : list.UpdateRowAsync(entry, etag, tableVersion, cancellationToken);

    public Task UpdateIAmAlive(MembershipEntry entry) => list.UpdateIAmAliveAsync(entry, CancellationToken.None);

    public Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken) => list.UpdateIAmAliveAsync(entry, cancellationToken);

    private MembershipTableData Note(MembershipTableData data)
    {
        foreach (var (entry, _) in data.Members)
        {
            if (entry.Status is not (SiloStatus.Joining or SiloStatus.Active))
            {
                _seen.TryRemove(entry.SiloAddress, out _);
            }
            else if (!_seen.TryGetValue(entry.SiloAddress, out var before) || before.Status != entry.Status)
            {
                _seen[entry.SiloAddress] = (entry.Status, clock.GetTimestamp());
            }
        }

        return data;
    }

    /// <param name="entry">As it is to be written.</param>
    private bool IsLeftAlone(MembershipEntry entry)
    {
        // A process says itself that it ends, and that it has taken the place of another at its address.
        if (entry.Status != SiloStatus.Dead || entry.SiloAddress.Endpoint.Equals(own.SiloAddress.Endpoint) || !_seen.TryGetValue(entry.SiloAddress, out var seen))
        {
            return false;
        }

        var now = clock.GetUtcNow().UtcDateTime;
        var isNew = now - entry.StartTime < New && (seen.Status == SiloStatus.Joining
            ? clock.GetElapsedTime(seen.Since) < WhileJoining
            : clock.GetElapsedTime(seen.Since) < OnceActive && now - entry.IAmAliveTime < ClusterSilo.Silence);
        if (isNew)
        {
            LogLeftAlone(entry.SiloAddress.Endpoint);
        }

        return isNew;
    }

    [LoggerMessage(3532, LogLevel.Information, "Member {Member} has just come and does not answer in time: it is not declared dead yet")]
    private partial void LogLeftAlone(System.Net.IPEndPoint member);
}
