using Granary.Core.Links;
using Microsoft.Extensions.Hosting;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>Tells the sessions of this process when a member of the cluster is declared dead.</summary>
internal sealed class LossWatch(ISiloStatusOracle members, SiloLosses losses) : IHostedService, ISiloStatusListener
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        members.SubscribeToSiloStatusEvents(this);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        members.UnSubscribeFromSiloStatusEvents(this);
        return Task.CompletedTask;
    }

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        if (status == SiloStatus.Dead)
        {
            losses.Note();
        }
    }
}
