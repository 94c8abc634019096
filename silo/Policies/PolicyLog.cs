using Granary.Core.Policies;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Policies;

/// <summary>Tells the operator what was changed of policies and parameters, whoever asked for it, when it is stored. What a parameter is set to may have passwords in it, and is not told.</summary>
internal sealed partial class PolicyLog(ILogger log)
{
    public void Put(Policy policy) => LogPolicySet(log, KindOf(policy.IsOperator), policy.Name, policy.Vhost, policy.Definition, policy.ApplyTo, policy.Pattern, policy.Priority);

    public void Deleted(string vhost, string name, bool isOperator) => LogPolicyDeleted(log, KindOf(isOperator), name, vhost);

    public void Put(Parameter parameter)
    {
        if (parameter.Vhost is null)
        {
            LogGlobalSet(log, parameter.Name);
        }
        else
        {
            LogParameterSet(log, parameter.Component, parameter.Name, parameter.Vhost);
        }
    }

    /// <param name="vhost">Null: it was a global one.</param>
    public void Deleted(string? vhost, string component, string name)
    {
        if (vhost is null)
        {
            LogGlobalDeleted(log, name);
        }
        else
        {
            LogParameterDeleted(log, component, name, vhost);
        }
    }

    private static string KindOf(bool isOperator) => isOperator ? "Operator policy" : "Policy";

    [LoggerMessage(3831, LogLevel.Information, "{Kind} '{Policy}' of vhost '{Vhost}' is now {Definition} for {ApplyTo} whose names match '{Pattern}', with priority {Priority}")]
    private static partial void LogPolicySet(ILogger logger, string kind, string policy, string vhost, string definition, string applyTo, string pattern, long priority);

    [LoggerMessage(3832, LogLevel.Information, "{Kind} '{Policy}' of vhost '{Vhost}' was deleted")]
    private static partial void LogPolicyDeleted(ILogger logger, string kind, string policy, string vhost);

    [LoggerMessage(3833, LogLevel.Information, "Parameter '{Component}/{Parameter}' of vhost '{Vhost}' was set")]
    private static partial void LogParameterSet(ILogger logger, string component, string parameter, string vhost);

    [LoggerMessage(3834, LogLevel.Information, "Parameter '{Component}/{Parameter}' of vhost '{Vhost}' was deleted")]
    private static partial void LogParameterDeleted(ILogger logger, string component, string parameter, string vhost);

    [LoggerMessage(3835, LogLevel.Information, "Global parameter '{Parameter}' was set")]
    private static partial void LogGlobalSet(ILogger logger, string parameter);

    [LoggerMessage(3836, LogLevel.Information, "Global parameter '{Parameter}' was deleted")]
    private static partial void LogGlobalDeleted(ILogger logger, string parameter);
}
