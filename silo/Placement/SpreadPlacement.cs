using Granary.Core.Grains;
using Granary.Core.Members;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace Granary.Silo.Placement;

/// <summary>
/// Where an activation goes that is nowhere yet. Of the silos that may have it, each is given a number for the grain, the same by every process that asks, and the
/// highest takes it: so names spread evenly, two processes that place a name at once agree, and a silo that comes or goes changes the place of its share alone.
/// A queue that only one connection is to use goes to the process that has it, if that may have queues (<see cref="NearCaller"/>).
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.SpreadPlacement")]
internal sealed class SpreadPlacement : PlacementStrategy;

/// <summary>Has a grain placed by <see cref="SpreadPlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class SpreadPlacementAttribute() : PlacementAttribute(new SpreadPlacement());

/// <inheritdoc cref="SpreadPlacement"/>
internal sealed class SpreadPlacementDirector : IPlacementDirector
{
    private static readonly GrainType Queues = GrainType.Create(GrainReferences.QueueType);

    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var silos = context.GetCompatibleSilos(target);
        return Task.FromResult(
            IPlacementDirector.GetPlacementHint(target.RequestContextData, silos)
            ?? (IsWantedNear(target) && silos.Contains(context.LocalSilo) ? context.LocalSilo : Choose(target.GrainIdentity.GetUniformHashCode(), silos)));
    }

    // What a queue asks for in its turn carries the same, and is not meant.
    private static bool IsWantedNear(PlacementTarget target) =>
        target.GrainIdentity.Type == Queues && target.RequestContextData?.ContainsKey(NearCaller.ContextKey) == true;

    /// <summary>The one with the highest number for a grain.</summary>
    /// <param name="silos">One at least.</param>
    internal static SiloAddress Choose(uint grain, SiloAddress[] silos)
    {
        var (best, highest) = (silos[0], 0UL);
        foreach (var silo in silos)
        {
            var number = Mix(((ulong)grain << 32) | (uint)silo.GetConsistentHashCode());
            if (number >= highest)
            {
                (best, highest) = (silo, number);
            }
        }

        return best;
    }

    // Each bit of the result depends on each bit given (the finalizer of SplitMix64): without that, silos whose hashes differ little would win together.
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}

/// <summary>Makes the placement known to a process, whether or not it has the grains.</summary>
internal static class SpreadPlacementHosting
{
    public static ISiloBuilder AddSpreadPlacement(this ISiloBuilder silo)
    {
        silo.Services.AddPlacementDirector<SpreadPlacement, SpreadPlacementDirector>();
        silo.Services.TryAddSingleton<QueueSilos>();
        silo.Services.TryAddSingleton<IQueuePlaces, QueuePlaces>();
        return silo;
    }
}
