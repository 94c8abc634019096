using Granary.Core.Links;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Testing.Unkind;

/// <summary>Makes a host treat calls and packets unkindly.</summary>
public static class Unkindness
{
    /// <summary>To be called when everything else has been added.</summary>
    public static IServiceCollection AddUnkindness(this IServiceCollection services, int seed) => services.AddUnkindness(new Fates(seed));

    /// <summary>To be called when everything else has been added.</summary>
    public static IServiceCollection AddUnkindness(this IServiceCollection services, Fates fates)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddSingleton<IIncomingGrainCallFilter>(new UnkindCalls(fates));
        for (var i = 0; i < services.Count; i++)
        {
            if (services[i] is { ServiceType: var type, ImplementationFactory: { } queues } && type == typeof(ILocalQueues))
            {
                services[i] = ServiceDescriptor.Singleton<ILocalQueues>(provider => new UnkindLocalQueues((ILocalQueues)queues(provider), fates));
            }
        }

        return services;
    }
}
