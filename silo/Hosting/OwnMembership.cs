using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Hosting;

/// <summary>
/// Holds the start up until this silo knows itself as active. Orleans passes that on after it has begun to take calls; a grain that was called in between could be placed
/// nowhere, and the call would be made again with a warning.
/// </summary>
internal sealed class OwnMembership(IClusterMembershipService members, ILocalSiloDetails silo) : ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(nameof(OwnMembership), ServiceLifecycleStage.Active, AwaitAsync);

    private async Task AwaitAsync(CancellationToken cancellation)
    {
        await foreach (var view in members.MembershipUpdates.WithCancellation(cancellation).ConfigureAwait(false))
        {
            if (view.GetSiloStatus(silo.SiloAddress) == SiloStatus.Active)
            {
                return;
            }
        }
    }
}

internal static class OwnMembershipHosting
{
    public static ISiloBuilder AwaitOwnMembership(this ISiloBuilder silo)
    {
        silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, OwnMembership>();
        return silo;
    }
}
