using Granary.Core.Grains;

namespace Granary.Silo.Placement;

/// <summary>The silos that may have queues.</summary>
internal sealed class QueueSilos(IClusterMembershipService members, IClusterManifestProvider manifests)
{
    private static readonly GrainType Queue = GrainType.Create(GrainReferences.QueueType);

    /// <summary>As far as is known here, in an order that is always the same.</summary>
    public SiloAddress[] All()
    {
        var manifest = manifests.Current.Silos;
        return
        [
            .. members.CurrentSnapshot.Members.Values
                .Where(member => member.Status == SiloStatus.Active && manifest.TryGetValue(member.SiloAddress, out var has) && has.Grains.ContainsKey(Queue))
                .Select(member => member.SiloAddress).Order(),
        ];
    }
}
