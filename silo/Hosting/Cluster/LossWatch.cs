using Granary.Core.Links;
using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.Hosting;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// When a member of the cluster is declared dead: has the sessions of this process ask their queues, and the queues of this process let go of the member's sessions.
/// </summary>
internal sealed class LossWatch(ISiloStatusOracle members, SiloLosses losses, LocalQueues? queues = null) : IHostedService, ISiloStatusListener
{
    /// <summary>What a member is known by: of its life, not only of its address.</summary>
    public static string NameOf(SiloAddress member) => member.ToParsableString();

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
            queues?.PostGone(NameOf(updatedSilo));
        }
    }
}
