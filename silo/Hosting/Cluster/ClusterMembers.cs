using System.Collections.Concurrent;
using Granary.Core.Members;
using Microsoft.Extensions.Hosting;
using Orleans.Runtime.Services;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>The members as Orleans knows them. Only these are ever called: a name may come from a client.</summary>
internal sealed class ClusterMembers(ILocalSiloDetails silo, ISiloStatusOracle oracle, IServiceProvider services)
    : GrainServiceClient<IMemberService>(services), IMembers, IHostedService, ISiloStatusListener
{
    private readonly ConcurrentDictionary<string, SiloAddress> _living = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private Action<string>[] _toldOfCome = [];
    private Action<string>[] _toldOfGone = [];

    public string Own { get; } = LossWatch.NameOf(silo.SiloAddress);

    public IReadOnlyCollection<string> Others => [.. _living.Keys.Where(member => member != Own)];

    public IMemberService? Find(string member) => member != Own && _living.TryGetValue(member, out var address) ? GetGrainService(address) : null;

    public void WhenGone(Action<string> tell)
    {
        lock (_gate)
        {
            _toldOfGone = [.. _toldOfGone, tell];
        }
    }

    public void WhenCome(Action<string> tell)
    {
        lock (_gate)
        {
            _toldOfCome = [.. _toldOfCome, tell];
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        oracle.SubscribeToSiloStatusEvents(this);
        foreach (var (address, status) in oracle.GetApproximateSiloStatuses(onlyActive: false))
        {
            SiloStatusChangeNotification(address, status);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        oracle.UnSubscribeFromSiloStatusEvents(this);
        return Task.CompletedTask;
    }

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        var name = LossWatch.NameOf(updatedSilo);
        if (status != SiloStatus.Dead)
        {
            // What was read at the start may be older than what was told.
            if (!oracle.IsDeadSilo(updatedSilo) && _living.TryAdd(name, updatedSilo))
            {
                Tell(_toldOfCome, name);
            }
        }
        else if (_living.TryRemove(name, out _))
        {
            Tell(_toldOfGone, name);
        }
    }

    private void Tell(Action<string>[] told, string member)
    {
        foreach (var tell in member == Own ? [] : told)
        {
            tell(member);
        }
    }
}
