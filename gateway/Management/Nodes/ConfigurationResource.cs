using Granary.Core.Configuration;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary><c>/api/config/effective</c>: how the node that is asked is set up, and where each setting is from. Of a secret only whether there is one.</summary>
internal sealed class ConfigurationResource(EffectiveSettings? settings = null) : IResource
{
    public void Map(ApiRoutes routes) => routes.Get("/config/effective", Need.Administrator, call => call.ReplyListAsync(
        settings?.All.Select(static setting => new SettingJson(setting.Name, setting.Value, setting.Origin)).ToArray() ?? [], ApiJson.Default.SettingJson,
        static setting => setting.Name));
}

/// <summary>A setting.</summary>
internal sealed record SettingJson(string Name, string Value, string Origin);
