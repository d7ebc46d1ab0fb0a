/** What networks are called, as the descriptors in room network say; a test there compares. */
export const NETWORKS = [
  { field: 'fullyConnected', fixed: {}, phrase: 'hidden layers of {widths}' },
  { field: 'residual', fixed: {}, phrase: 'residual network of {stages.channels} channels[ and a hidden layer of {wide}]' },
  { field: 'du', fixed: { form: 'DU_FORM_FULLY_CONNECTED' }, phrase: 'du-fully-connected with {layers} hidden layers of {width}' },
  { field: 'du', fixed: { form: 'DU_FORM_RESIDUAL' }, phrase: 'du-resnet with {layers} hidden layers of {width}' },
  { field: 'du', fixed: { form: 'DU_FORM_CONVOLUTIONAL_RESIDUAL' }, phrase: 'du-conv-resnet with {layers} hidden layers of {width}' },
  { field: 'external', fixed: {}, phrase: '{model} in {framework}[, last hidden layer of {last-hidden-width}]' },
];
