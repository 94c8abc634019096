using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Hosting;

/// <summary>What Orleans listens and connects with, which it finds by keys of its own.</summary>
internal static class RuntimeNetwork
{
    // Orleans registers one factory of connections to other silos, one of their listener, and one of the listener for clients outside of a silo.
    private const int NetworkServices = 3;

    /// <summary>Puts another network in the place of Orleans' own.</summary>
    /// <exception cref="InvalidOperationException">This version of Orleans makes its connections in another way than the one this was written for.</exception>
    public static void ReplaceNetwork<T>(this ISiloBuilder silo, Func<IServiceProvider, T> create)
        where T : class, IConnectionFactory, IConnectionListenerFactory
    {
        silo.Services.AddSingleton(create);
        var replaced = 0;
        for (var i = 0; i < silo.Services.Count; i++)
        {
            var service = silo.Services[i];
            if (service.IsKeyedService && (service.ServiceType == typeof(IConnectionFactory) || service.ServiceType == typeof(IConnectionListenerFactory)))
            {
                silo.Services[i] = ServiceDescriptor.KeyedSingleton(
                    service.ServiceType, service.ServiceKey, static (provider, _) => provider.GetRequiredService<T>());
                replaced++;
            }
        }

        if (replaced != NetworkServices)
        {
            throw new InvalidOperationException($"Orleans has {replaced} services for its network and not {NetworkServices}: members could not be connected as they are meant to be.");
        }
    }
}
