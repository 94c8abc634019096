using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.StandIn;

/// <summary>Fills the constructor parameters of grains that are marked with <see cref="PersistentStateAttribute"/>.</summary>
internal static class StateFacet
{
    public static Func<Activation, object> For(ParameterInfo parameter)
    {
        var type = parameter.ParameterType;
        if (!type.IsGenericType || type.GetGenericTypeDefinition() != typeof(IPersistentState<>))
        {
            throw new ArgumentException($"Parameter {parameter.Name} of {parameter.Member.DeclaringType} is not an IPersistentState<T>.");
        }

        var attribute = parameter.GetCustomAttribute<PersistentStateAttribute>()!;
        var create = typeof(StateFacet)
            .GetMethod(nameof(Create), BindingFlags.Static | BindingFlags.NonPublic)!
            .MakeGenericMethod(type.GetGenericArguments())
            .CreateDelegate<Func<Activation, IPersistentStateConfiguration, string, object>>();
        var name = string.IsNullOrEmpty(attribute.StateName) ? parameter.Name! : attribute.StateName;
        return activation => create(activation, attribute, name);
    }

    private static object Create<T>(Activation activation, IPersistentStateConfiguration configuration, string name)
    {
        var storage = string.IsNullOrWhiteSpace(configuration.StorageName)
            ? activation.ActivationServices.GetService<IGrainStorage>()
            : activation.ActivationServices.GetKeyedService<IGrainStorage>(configuration.StorageName);
        var state = new PersistentState<T>(
            name,
            activation.GrainId,
            storage ?? throw new BadProviderConfigException(string.IsNullOrEmpty(configuration.StorageName)
                ? $"No default storage provider found loading grain type {activation.GrainId.Type}."
                : $"No storage provider named \"{configuration.StorageName}\" found loading grain type {activation.GrainId.Type}."));
        activation.Preparations.Add(state.ReadStateAsync);
        return state;
    }
}
