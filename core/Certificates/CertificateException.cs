namespace Granary.Core.Certificates;

/// <summary>Files of certificates cannot be used; the message names the option and the file, for the operator.</summary>
public sealed class CertificateException(string message, Exception? inner = null) : Exception(message, inner);
